//! Several hosts in one URL: `postgres://me@a:1,b:2/orders`, and `host=` and `port=` among its options.
//!
//! Says where they are, and makes a URL of each; which of them is meant is for whoever connects.

use percent_encoding::percent_decode_str;
use url::Url;

/// One place that a URL names. Without a port the engine's usual one is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub host: String,
    pub port: Option<String>,
}

/// Options that say where, or which of several: a URL of one place has no use for them.
const OF_SEVERAL: [&str; 5] = [
    "host",
    "hostaddr",
    "port",
    "target_session_attrs",
    "load_balance_hosts",
];

/// The places that a URL names, in its order.
pub fn places(url: &Url) -> Vec<Place> {
    let mut hosts: Vec<String> = Vec::new();
    let mut ports: Vec<String> = url
        .port()
        .map(|port| port.to_string())
        .into_iter()
        .collect();
    let list = |text: &str| -> Vec<String> { text.split(',').map(str::to_owned).collect() };
    if let Some(host) = url.host_str().filter(|host| !host.is_empty()) {
        hosts.extend(list(&percent_decode_str(host).decode_utf8_lossy()));
    }
    for (key, value) in url.query_pairs() {
        match &*key {
            "host" => hosts.extend(list(&value)),
            "port" => ports.extend(list(&value)),
            _ => {}
        }
    }
    let port = |at: usize| match &ports[..] {
        [one] => Some(one.clone()),
        several => several.get(at).cloned(),
    };
    let places = hosts.into_iter().enumerate().map(|(at, host)| Place {
        host,
        port: port(at).filter(|port| !port.is_empty()),
    });
    places.collect()
}

/// The URL of each place, where there are several; none where there is one. Where addresses are given beside names
/// (`hostaddr`), only the driver can tell which belong together: that is left whole.
pub fn split(url: &Url) -> Vec<Url> {
    let places = places(url);
    if places.len() < 2 || url.query_pairs().any(|(key, _)| key == "hostaddr") {
        return Vec::new();
    }
    places.iter().filter_map(|place| at(url, place)).collect()
}

/// The URL with this place alone; none where the place can't be written in one.
pub fn at(url: &Url, place: &Place) -> Option<Url> {
    let mut url = url.clone();
    let rest: Vec<&str> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|option| {
            let key = option.split_once('=').map_or(*option, |(key, _)| key);
            !option.is_empty() && !OF_SEVERAL.contains(&key)
        })
        .collect();
    let rest = rest.join("&");
    url.set_query((!rest.is_empty()).then_some(&rest));
    let host = place.host.trim_start_matches('[').trim_end_matches(']');
    let host = match (host.contains(':'), host.starts_with('/')) {
        (true, _) => format!("[{host}]"),
        // The folder of a socket.
        (false, true) => host.replace('/', "%2F"),
        (false, false) => host.to_owned(),
    };
    url.set_host(Some(&host)).ok()?;
    let port = match &place.port {
        Some(port) => Some(port.parse::<u16>().ok()?),
        None => None,
    };
    url.set_port(port).ok()?;
    Some(url)
}

/// Where the URL leads, without user, password and options, each place with its port.
pub fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for URLs that can't carry them, which then have nothing to hide.
    let _ = shown.set_password(None);
    let _ = shown.set_username("");
    shown.set_query(None);
    let places = places(url);
    if let [one] = &places[..] {
        // Where its options say where it is, that is part of where it leads; a socket's folder has no place in what is shown.
        let is_said = !one.host.starts_with('/');
        let there = at(&shown, one).filter(|_| is_said);
        return there.unwrap_or(shown).to_string();
    }
    if places.is_empty() {
        return shown.to_string();
    }
    let named: Vec<String> = places
        .iter()
        .map(|place| match &place.port {
            Some(port) => format!("{}:{port}", place.host),
            None => place.host.clone(),
        })
        .collect();
    format!("{}://{}{}", url.scheme(), named.join(","), url.path())
}

/// A URL of several hosts with ports of their own, as text that a URL's parser takes: the ports become an option. None where
/// the text names no several hosts, or is no URL.
pub fn rewritten(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    // A password may hold a slash; what follows the last `@` may not.
    let start = rest[..end].rfind('@').map_or(0, |at| at + 1);
    let end = rest[start..end].find('/').map_or(end, |at| start + at);
    let (login, hosts, after) = (&rest[..start], &rest[start..end], &rest[end..]);
    if !hosts.contains(',') {
        return None;
    }
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port),
            _ => (host, ""),
        };
        let escaped = name.replace('[', "%5B").replace(']', "%5D");
        names.push(escaped.replace(':', "%3A"));
        ports.push(port);
    }
    let names = names.join(",");
    if ports.iter().all(|port| port.is_empty()) {
        return Some(format!("{scheme}://{login}{names}{after}"));
    }
    let option = format!("port={}", ports.join(","));
    let after = match after.split_once('?') {
        Some((path, query)) => format!("{path}?{option}&{query}"),
        None => format!("{after}?{option}"),
    };
    Some(format!("{scheme}://{login}{names}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        let text = rewritten(text).unwrap_or_else(|| text.to_owned());
        text.parse().unwrap()
    }

    fn each(text: &str) -> Vec<String> {
        split(&url(text)).iter().map(Url::to_string).collect()
    }

    #[test]
    fn every_spelling_of_several_hosts_leads_to_each() {
        let both = ["postgres://me:p@a:1/o", "postgres://me:p@b:2/o"];
        for text in [
            "postgres://me:p@a:1,b:2/o",
            "postgres://me:p@a,b/o?port=1,2",
            "postgres://me:p@a:1,b:2/o?target_session_attrs=read-write",
        ] {
            assert_eq!(each(text), both, "{text}");
            assert_eq!(shown(&url(text)), "postgres://a:1,b:2/o");
        }
        assert_eq!(
            each("postgres:///o?host=a,b&port=7&sslmode=require"),
            [
                "postgres://a:7/o?sslmode=require",
                "postgres://b:7/o?sslmode=require"
            ]
        );
        assert_eq!(
            each("mysql://me@a,b:2/o"),
            ["mysql://me@a/o", "mysql://me@b:2/o"]
        );
    }

    #[test]
    fn numbers_of_the_longer_kind_and_sockets_are_hosts_too() {
        assert_eq!(
            each("postgres://me@[::1]:1,[fe80::2]:2/o"),
            ["postgres://me@[::1]:1/o", "postgres://me@[fe80::2]:2/o"]
        );
        assert_eq!(
            each("postgres:///o?host=/run/a,/run/b"),
            ["postgres://%2Frun%2Fa/o", "postgres://%2Frun%2Fb/o"]
        );
    }

    #[test]
    fn one_host_is_left_as_it_is() {
        for text in [
            "postgres://me@a:1/o",
            "postgres:///o?host=/run/a",
            "postgres://[::1]/o",
        ] {
            assert_eq!(rewritten(text), None);
            assert_eq!(each(text), [""; 0]);
        }
        assert_eq!(shown(&url("postgres://me:p@a:1/o?x=y")), "postgres://a:1/o");
    }

    #[test]
    fn a_place_that_is_an_option_is_shown_as_any_other() {
        for text in [
            "postgres://me:p@a/o?port=7&x=y",
            "postgres:///o?host=a&port=7",
            "postgres://me@a:7/o",
        ] {
            assert_eq!(shown(&url(text)), "postgres://a:7/o", "{text}");
        }
        assert_eq!(shown(&url("postgres:///o?host=a")), "postgres://a/o");
        assert_eq!(
            shown(&url("postgres://[::1]/o?port=7")),
            "postgres://[::1]:7/o"
        );
        assert_eq!(shown(&url("postgres:///o?host=/run/a")), "postgres:///o");
        assert_eq!(shown(&url("sqlite:/var/a.db")), "sqlite:/var/a.db");
    }

    #[test]
    fn a_password_may_hold_a_comma() {
        assert_eq!(rewritten("postgres://me:a,b@h:1/o"), None);
        assert_eq!(
            shown(&url("postgres://me:a,b@h:1,i:2/o")),
            "postgres://h:1,i:2/o"
        );
    }
}
