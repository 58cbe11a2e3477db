//! Makes a failing input small.

use super::finding::{Fault, Finding, try_input};
use crate::Target;

/// Takes away what the same fault doesn't need. Stops after a while, small or not.
pub fn shrink(target: &Target, input: Vec<u8>, fault: Fault) -> Finding {
    let mut finding = Finding {
        target: target.name,
        input,
        fault,
    };
    let mut tries = 20_000;
    let mut width = (finding.input.len() / 2).max(1);
    while width > 0 && tries > 0 {
        let mut at = 0;
        let mut smaller = false;
        while at < finding.input.len() && tries > 0 {
            tries -= 1;
            let end = (at + width).min(finding.input.len());
            let mut less = finding.input.clone();
            less.drain(at..end);
            match try_input(target, &less) {
                // Another fault would be another finding.
                Err(fault) if fault.place == finding.fault.place => {
                    finding.input = less;
                    finding.fault = fault;
                    smaller = true;
                }
                _ => at += width,
            }
        }
        if !smaller {
            width /= 2;
        }
    }
    finding
}
