use super::*;
use greylag_core::identity::Known;
use greylag_core::{engine::Engine, survey::ShardIdentity};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

fn server(port: u16) -> Server {
    Server {
        engine: Engine::Postgres,
        version: "15".into(),
        lineage: "7".into(),
        database: "orders/5/public".into(),
        address: format!("10.0.0.1:{port}"),
        dialled: format!("postgres://10.0.0.1:{port}/orders"),
        instance: None,
    }
}

fn look(port: u16, role: Role) -> Look {
    let server = server(port);
    Look {
        target: Target {
            engine: Engine::Postgres,
            shard: "s1".parse().unwrap(),
            url: server.dialled.parse().unwrap(),
            password: None,
            schema: None,
            session_sql: Arc::from([]),
            project: "orders".into(),
            history_table: "h".into(),
            connect_timeout: Duration::from_secs(1),
            application: "test".into(),
        },
        seen: Ok(Survey {
            shard: "s1".parse().unwrap(),
            at: jiff::Timestamp::UNIX_EPOCH,
            server,
            role,
            identity: Some(ShardIdentity {
                uuid: Uuid::from_u128(1),
                project: "orders".into(),
                name: "s1".parse().unwrap(),
                environment: "test".into(),
            }),
            empty: false,
            has_history: true,
            history: Vec::new(),
            steps: Vec::new(),
        }),
        vouched: None,
        listed: false,
    }
}

fn dead(port: u16) -> Look {
    Look {
        seen: Err("connection refused".into()),
        ..look(port, Role::Primary)
    }
}

/// The primary was on port 1, followed by 2.
fn known() -> Known {
    let mut known = Known {
        uuid: Uuid::from_u128(1),
        ..Known::default()
    };
    known.prove_primary(&server(1));
    known.prove_replica(&server(2));
    known
}

fn sought(known: &Known, looks: Vec<Look>) -> Result<String, String> {
    sought_beside(known, looks, &[])
}

fn sought_beside(known: &Known, looks: Vec<Look>, handed: &[Server]) -> Result<String, String> {
    let shard = "s1".parse().unwrap();
    let expected = Expected {
        shard: &shard,
        project: "orders",
        environment: "test",
        known: Some(known),
        claim_allowed: false,
    };
    match judge(&expected, looks, handed) {
        Sought::Found(found) => Ok(found.survey.server.address),
        Sought::Refused { refusal, .. } => Err(refusal.to_string()),
        Sought::Nowhere { said, .. } => Err(said.join("; ")),
    }
}

#[test]
fn a_proven_replica_that_accepts_writes_while_the_primary_is_gone_is_the_primary() {
    let found = sought(&known(), vec![dead(1), look(2, Role::Primary)]);
    assert_eq!(found.unwrap(), "10.0.0.1:2");
}

#[test]
fn two_that_accept_writes_are_refused_with_both_names() {
    let why = sought(
        &known(),
        vec![look(1, Role::Primary), look(2, Role::Primary)],
    );
    assert_eq!(
        why.unwrap_err(),
        "shard `s1` has two primaries: 10.0.0.1:1 and 10.0.0.1:2 both accept writes"
    );
}

#[test]
fn none_that_accepts_writes_says_what_each_is() {
    let why = sought(&known(), vec![dead(1), look(2, Role::Replica)]);
    assert_eq!(
        why.unwrap_err(),
        "postgres://10.0.0.1:1/orders: connection refused; 10.0.0.1:2 is a replica"
    );
}

#[test]
fn a_server_that_was_never_seen_to_follow_is_no_heir() {
    let why = sought(&known(), vec![dead(1), look(3, Role::Primary)]).unwrap_err();
    assert!(why.contains("was never proven its node"), "{why}");
}

#[test]
fn an_old_primary_that_came_back_is_refused_alone_and_beside_the_new_one() {
    let mut known = known();
    known.prove_primary(&server(2));
    let why = sought(&known, vec![look(1, Role::Primary), dead(2)]).unwrap_err();
    assert!(
        why.contains("was promoted away from it to 10.0.0.1:2"),
        "{why}"
    );
    let why = sought(&known, vec![look(1, Role::Primary), look(2, Role::Primary)]);
    assert!(why.unwrap_err().contains("has two primaries"));
}

#[test]
fn an_old_primary_is_the_primary_again_once_the_one_that_took_its_place_is_seen_to_follow_it() {
    let mut known = known();
    known.prove_primary(&server(2));
    let looks = || vec![look(1, Role::Primary), look(2, Role::Replica)];
    // Whom the other one follows, or whether anybody, its role does not say.
    let why = sought(&known, looks()).unwrap_err();
    assert!(
        why.contains("was promoted away from it to 10.0.0.1:2"),
        "{why}"
    );
    let found = sought_beside(&known, looks(), &[server(1)]);
    assert_eq!(found.unwrap(), "10.0.0.1:1");
}

#[test]
fn a_host_of_the_url_under_which_the_shard_was_proven_is_its_node() {
    let several = "postgres://10.0.0.1:1,10.0.0.1:3/orders".to_owned();
    let mut known = known();
    known.nodes.last_mut().unwrap().dialled.clone_from(&several);
    let host = |look: Look| Look {
        vouched: Some(several.clone()),
        ..look
    };
    let found = sought(&known, vec![host(dead(1)), host(look(3, Role::Primary))]);
    assert_eq!(found.unwrap(), "10.0.0.1:3");
}

#[test]
fn one_server_under_two_names_is_one_primary() {
    let mut other = look(1, Role::Primary);
    other.target.url = "postgres://localhost:1/orders".parse().unwrap();
    let found = sought(&known(), vec![look(1, Role::Primary), other]);
    assert_eq!(found.unwrap(), "10.0.0.1:1");
}

/// Both are in networks of their own, in which they have one address.
fn contained(port: u16, run: &str) -> Look {
    let mut contained = look(port, Role::Primary);
    let seen = contained.seen.as_mut().unwrap();
    seen.server.address = "172.17.0.2:5432".into();
    seen.server.instance = Some(run.into());
    contained
}

/// The old primary was at port 1, and the service leads to its heir now, which nobody knows by its own name, or that alone.
#[test]
fn a_service_that_leads_to_the_heir_is_no_second_primary_whatever_is_remembered_of_it() {
    let run = |mut look: Look| {
        if let Ok(survey) = &mut look.seen {
            survey.server.instance = Some("run of the heir".into());
        }
        look
    };
    let by_service = || {
        let mut look = run(look(1, Role::Primary));
        if let Ok(survey) = &mut look.seen {
            survey.server.address = server(2).address;
        }
        look
    };
    let by_name = || Look {
        listed: true,
        ..run(look(2, Role::Primary))
    };
    let mut only_the_service = Known {
        uuid: Uuid::from_u128(1),
        ..Known::default()
    };
    only_the_service.prove_primary(&server(1));
    let mut adopted = known();
    adopted.prove_primary(&server(2));
    for known in [only_the_service, adopted] {
        let found = sought(&known, vec![by_service(), by_name()]);
        assert!(found.is_ok(), "{found:?}");
    }
}

#[test]
fn two_servers_that_say_one_address_are_two_primaries() {
    let mut known = Known::default();
    let (one, two) = (contained(1, "1"), contained(2, "2"));
    known.uuid = Uuid::from_u128(1);
    known.prove_primary(&one.seen.as_ref().unwrap().server);
    known.prove_replica(&two.seen.as_ref().unwrap().server);
    let why = sought(&known, vec![one, two]).unwrap_err();
    assert!(why.contains("has two primaries"), "{why}");
    let heir = sought(&known, vec![dead(1), contained(2, "2")]);
    assert_eq!(heir.unwrap(), "172.17.0.2:5432");
    // Through a proxy, too.
    let found = sought(&known, vec![contained(1, "1"), contained(7, "1")]);
    assert_eq!(found.unwrap(), "172.17.0.2:5432");
}

#[test]
fn a_name_of_which_nobody_knows_where_it_leads_is_no_second_server_but_by_its_run() {
    // What is dialled under one name ended at two servers: a balancer.
    let mut other = contained(1, "2");
    other.target = contained(2, "2").target;
    let why = sought(
        &known_at(&contained(1, "1")),
        vec![contained(1, "1"), other],
    );
    assert!(why.unwrap_err().contains("has two primaries"));
}

fn known_at(look: &Look) -> Known {
    let mut known = Known {
        uuid: Uuid::from_u128(1),
        ..Known::default()
    };
    known.prove_primary(&look.seen.as_ref().unwrap().server);
    known
}

#[test]
fn a_listed_replica_that_accepts_writes_is_a_second_primary_even_where_it_was_never_proven() {
    let stranger = || look(3, Role::Primary);
    let listed = Look {
        listed: true,
        ..stranger()
    };
    let found = sought(&known(), vec![look(1, Role::Primary), stranger()]);
    assert_eq!(found.unwrap(), "10.0.0.1:1");
    let why = sought(&known(), vec![look(1, Role::Primary), listed]);
    assert!(why.unwrap_err().contains("has two primaries"));
}
