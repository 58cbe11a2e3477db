//! What servers really put into the session state of OK packets. The driver of the other tests does not ask for it, so
//! this speaks the protocol itself, as far as an account without a password over a unix socket needs.

use greylag_client::{Position, mariadb, mysql};
use greylag_lab::{Engine, Server, require};
use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
};

const LONG_PASSWORD: u32 = 1;
const PROTOCOL_41: u32 = 1 << 9;
const TRANSACTIONS: u32 = 1 << 13;
const SECURE_CONNECTION: u32 = 1 << 15;
const PLUGIN_AUTH: u32 = 1 << 19;
const SESSION_TRACK: u32 = 1 << 23;
const STATE_CHANGED: u16 = 0x4000;

#[tokio::test]
async fn mysql_names_the_transaction_in_its_ok_packet() {
    let Some(server) = require(Engine::MySql).await else {
        return;
    };
    let database = server.database("ok").await.unwrap().name;
    let mut wire = Wire::open(&server, "caching_sha2_password");
    let position = |state: &[u8]| mysql::position_in_ok(state).unwrap();
    wire.run(mysql::TRACK);
    wire.run(&format!("USE `{database}`"));
    let before = wire.run("CREATE TABLE notes (id int PRIMARY KEY)");
    let before = position(&before).expect("a position");
    assert_eq!(position(&wire.run("BEGIN")), None);
    assert_eq!(position(&wire.run("INSERT INTO notes VALUES (1)")), None);
    let after = position(&wire.run("COMMIT")).expect("a position");
    let Position::Gtid(set) = &after else {
        panic!("{after}")
    };
    assert!(!set.is_empty());
    assert_ne!(before, after);
    let text = after.to_string().replacen("gtid:", "", 1);
    let executed = format!("SELECT GTID_SUBSET('{text}', @@GLOBAL.gtid_executed)");
    let executed = server.value("", &executed).await.unwrap();
    assert_eq!(executed.as_deref(), Some("1"));
    assert_eq!(mysql::own(&text), Ok(after));
}

#[tokio::test]
async fn mariadb_names_the_transaction_in_its_ok_packet() {
    let Some(server) = require(Engine::MariaDb).await else {
        return;
    };
    let database = server.database("ok").await.unwrap().name;
    let mut wire = Wire::open(&server, "mysql_native_password");
    let position = |state: &[u8]| mariadb::position_in_ok(state).unwrap();
    wire.run(mariadb::TRACK);
    wire.run(&format!("USE `{database}`"));
    wire.run("CREATE TABLE notes (id int PRIMARY KEY)");
    assert_eq!(position(&wire.run("BEGIN")), None);
    assert_eq!(position(&wire.run("INSERT INTO notes VALUES (1)")), None);
    let after = position(&wire.run("COMMIT")).expect("a position");
    let binlog = server.value("", "SELECT @@gtid_binlog_pos").await.unwrap();
    let binlog = Position::parse_domains(&binlog.unwrap()).unwrap();
    assert_eq!(binlog.reaches(&after), greylag_core::position::Reach::Yes);
    let text = after.to_string().replacen("domains:", "", 1);
    assert_eq!(mariadb::own(&text), Some(after));
}

/// A connection as the administrator.
struct Wire(UnixStream);

impl Wire {
    fn open(server: &Server, plugin: &str) -> Wire {
        let mut wire = Wire(UnixStream::connect(server.folder().join("s")).unwrap());
        let (_greeting, sequence) = wire.receive();
        let flags = LONG_PASSWORD
            | PROTOCOL_41
            | TRANSACTIONS
            | SECURE_CONNECTION
            | PLUGIN_AUTH
            | SESSION_TRACK;
        let mut hello = flags.to_le_bytes().to_vec();
        hello.extend((1u32 << 24).to_le_bytes());
        hello.push(45);
        hello.extend([0; 23]);
        hello.extend(b"root\0");
        hello.push(0);
        hello.extend(plugin.as_bytes());
        hello.push(0);
        wire.send(sequence + 1, &hello);
        loop {
            let (packet, sequence) = wire.receive();
            match packet[0] {
                0 => return wire,
                // Another method of authentication: without a password the answer is empty in all of them.
                0xFE => wire.send(sequence + 1, &[]),
                1 => {}
                _ => panic!("refused: {}", String::from_utf8_lossy(&packet)),
            }
        }
    }

    /// Runs a statement that returns no rows, and gives back the session state of its OK packet.
    fn run(&mut self, sql: &str) -> Vec<u8> {
        let mut packet = vec![3];
        packet.extend(sql.as_bytes());
        self.send(0, &packet);
        let (packet, _) = self.receive();
        assert_eq!(packet[0], 0, "{sql}: {}", String::from_utf8_lossy(&packet));
        // Affected rows and the last id, all of them short here; status, warnings, and a text.
        let rest = &packet[3..];
        let status = u16::from_le_bytes([rest[0], rest[1]]);
        let info = rest.get(4).map_or(0, |length| usize::from(*length));
        match status & STATE_CHANGED {
            0 => Vec::new(),
            _ => {
                let state = &rest[5 + info..];
                assert!(state[0] <= 250, "longer than this test reads");
                state[1..].to_vec()
            }
        }
    }

    fn send(&mut self, sequence: u8, body: &[u8]) {
        let mut packet = u32::try_from(body.len()).unwrap().to_le_bytes();
        packet[3] = sequence;
        self.0.write_all(&packet).unwrap();
        self.0.write_all(body).unwrap();
    }

    fn receive(&mut self) -> (Vec<u8>, u8) {
        let mut head = [0; 4];
        self.0.read_exact(&mut head).unwrap();
        let length = u32::from_le_bytes([head[0], head[1], head[2], 0]);
        let mut body = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut body).unwrap();
        (body, head[3])
    }
}
