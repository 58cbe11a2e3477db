use crate::{
    apply::ApplyError, failure::*, journal::JournalError, planning::PlanningError,
    steering::SteerError, survey::SurveyError,
};
impl Exit {
    pub fn from_code(code: u8) -> Exit {
        match code {
            0 => Exit::Done,
            2 => Exit::Usage,
            3 => Exit::Split,
            4 => Exit::Waiting,
            5 => Exit::Problems,
            6 => Exit::Refused,
            _ => Exit::Error,
        }
    }
}
macro_rules! e { ($($t:ty),*) => { $(impl Explained for $t { fn exit(&self) -> Exit { Exit::Error } fn hints(&self) -> Vec<String> { Vec::new() } })* } }
e!(
    ApplyError,
    JournalError,
    PlanningError,
    SurveyError,
    SteerError
);
