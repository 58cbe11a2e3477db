use super::*;

const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const B: &str = "aaaaaaaa-71ca-11e1-9e33-c80aa9429562";

fn place(text: &str) -> Position {
    text.parse().expect("a position")
}

#[test]
fn every_kind_is_read_back_as_it_was_written() {
    for text in [
        "wal:7391234567890/3/1A/16B3748",
        &format!("gtid:{A}:1-5:7,{B}:2:tagged:1-3"),
        "domains:0-1-84,7-2-3",
        "domains:",
        &format!("file:{A}/binlog.000003/1542"),
    ] {
        let position = place(text);
        assert_eq!(position, place(&position.to_string()), "{text}");
    }
    assert_eq!(place("wal:7/1/0/16B3748").to_string(), "wal:7/1/0/16B3748");
}

#[test]
fn a_text_that_is_none_says_what_is_expected() {
    let wrong = |text: &str| text.parse::<Position>().unwrap_err().to_string();
    assert_eq!(
        wrong("0/16B3748"),
        "`0/16B3748` is no position: it begins with none of `wal:`, `gtid:`, `domains:` and `file:`"
    );
    assert!(wrong("wal:7/1").contains("wal:SYSTEM/TIMELINE/LSN"));
    assert!(wrong("domains:1-2").contains("DOMAIN-SERVER-SEQUENCE"));
    assert!(wrong("file:a/b").contains("SERVER/LOG/OFFSET"));
    assert_eq!(wrong("gtid:nobody:1"), "`gtid:nobody:1` is no position");
}

#[test]
fn an_lsn_is_reached_on_its_own_timeline_alone() {
    let wanted = place("wal:7/1/0/200");
    assert_eq!(place("wal:7/1/0/200").reaches(&wanted), Reach::Yes);
    assert_eq!(place("wal:7/1/1/0").reaches(&wanted), Reach::Yes);
    assert_eq!(place("wal:7/1/0/1FF").reaches(&wanted), Reach::No);
    // What a lost timeline wrote may have a smaller LSN than the new one, and still be gone.
    assert_eq!(place("wal:7/2/0/300").reaches(&wanted), Reach::Incomparable);
    assert_eq!(place("wal:8/1/0/300").reaches(&wanted), Reach::Incomparable);
    assert_eq!(
        place("wal:7/1/0/100").behind(&wanted),
        Some(Distance::Bytes(256))
    );
    assert_eq!(place("wal:7/2/0/100").behind(&wanted), None);
}

#[test]
fn a_gtid_set_is_reached_when_all_of_it_is_there() {
    let wanted = place(&format!("gtid:{A}:1-5"));
    assert_eq!(
        place(&format!("gtid:{A}:1-3:4-9")).reaches(&wanted),
        Reach::Yes
    );
    assert_eq!(
        place(&format!("gtid:{A}:1-3:5")).reaches(&wanted),
        Reach::No
    );
    assert_eq!(place(&format!("gtid:{B}:1-9")).reaches(&wanted), Reach::No);
    assert_eq!(
        place(&format!("gtid:{A}:1-3:5,{B}:1")).behind(&wanted),
        Some(Distance::Transactions(1))
    );
    // A tag is a stream of its own.
    assert_eq!(
        place(&format!("gtid:{A}:1-9")).reaches(&place(&format!("gtid:{A}:backup:1"))),
        Reach::No
    );
}

#[test]
fn a_gtid_set_is_read_as_servers_print_it() {
    let set: GtidSet = format!("{}:1-3:5,\n{B}:7", A.to_uppercase())
        .parse()
        .unwrap();
    assert_eq!(set.to_string(), format!("{A}:1-3:5,{B}:7"));
    let set: GtidSet = format!("{A}:4:1-3").parse().unwrap();
    assert_eq!(set.to_string(), format!("{A}:1-4"));
    assert_eq!(
        format!("{A}:5-3").parse::<GtidSet>(),
        Err(GtidSetError::Interval("5-3".into()))
    );
}

#[test]
fn a_domain_is_reached_by_its_sequence_whoever_wrote_it() {
    let wanted = place("domains:0-1-84");
    assert_eq!(place("domains:0-2-84").reaches(&wanted), Reach::Yes);
    assert_eq!(place("domains:0-1-83,5-1-99").reaches(&wanted), Reach::No);
    assert_eq!(place("domains:5-1-99").reaches(&wanted), Reach::No);
    assert_eq!(
        place("domains:0-1-80").behind(&wanted),
        Some(Distance::Transactions(4))
    );
}

#[test]
fn binary_logs_are_ordered_by_number() {
    let wanted = place("file:s/binlog.999999/900");
    assert_eq!(
        place("file:s/binlog.1000000/4").reaches(&wanted),
        Reach::Yes
    );
    assert_eq!(
        place("file:s/binlog.999999/899").reaches(&wanted),
        Reach::No
    );
    assert_eq!(
        place("file:other/binlog.1000000/4").reaches(&wanted),
        Reach::Incomparable
    );
}

#[test]
fn what_one_server_committed_itself_can_be_told_from_the_rest() {
    let set: GtidSet = format!("{A}:1-3,{A}:tag:7,{B}:1-9").parse().unwrap();
    let own = set.of(A.parse().unwrap());
    assert_eq!(own.to_string(), format!("{A}:1-3,{A}:tag:7"));
    assert!(set.of(uuid::Uuid::nil()).is_empty());
}

#[test]
fn two_positions_are_reached_together_where_their_join_is() {
    let join = |one: &str, two: &str| {
        let joined = place(one).join(&place(two));
        assert_eq!(
            joined,
            place(two).join(&place(one)),
            "{one} and {two}, the other way round"
        );
        joined.map(|position| position.to_string())
    };
    assert_eq!(
        join("wal:7/1/0/200", "wal:7/1/0/1FF"),
        Some("wal:7/1/0/200".into())
    );
    assert_eq!(join("wal:7/1/0/200", "wal:7/2/0/300"), None);
    assert_eq!(
        join(&format!("gtid:{A}:5"), &format!("gtid:{A}:7,{B}:1")),
        Some(format!("gtid:{A}:5:7,{B}:1"))
    );
    assert_eq!(
        join("domains:0-1-84,7-2-3", "domains:0-2-80,9-1-1"),
        Some("domains:0-1-84,7-2-3,9-1-1".into())
    );
    assert_eq!(
        join("file:s/binlog.000003/9", "file:s/binlog.000004/4"),
        Some("file:s/binlog.000004/4".into())
    );
    assert_eq!(join("file:s/binlog.000003/9", "domains:0-1-84"), None);
}
