//! A server that lets nobody take named locks, as a strict cluster does: who looks at it sees it nevertheless.

use crate::stage::Stage;
use greylag_engines::Target;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// A way to the server on which nobody gets a named lock: in each request the function is called by a name that it does not have.
async fn without_locks(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (from_client, mut to_client) = client.into_split();
            let (mut from_server, to_server) = server.into_split();
            tokio::spawn(rename(from_client, to_server));
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        }
    });
    here
}

/// Carries packets on whole: four bytes say how long each is.
async fn rename(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> std::io::Result<()> {
    let (called, renamed) = (b"GET_LOCK(", b"GOT_LOCK(");
    loop {
        let mut head = [0; 4];
        from.read_exact(&mut head).await?;
        let length = u32::from_le_bytes([head[0], head[1], head[2], 0]);
        let mut packet = vec![0; length as usize];
        from.read_exact(&mut packet).await?;
        let calls = packet.windows(called.len()).enumerate();
        let calls: Vec<usize> = calls
            .filter(|(_, text)| text == called)
            .map(|(at, _)| at)
            .collect();
        for at in calls {
            packet[at..at + called.len()].copy_from_slice(renamed);
        }
        to.write_all(&head).await?;
        to.write_all(&packet).await?;
    }
}

async fn target(stage: &Stage) -> Target {
    let port = without_locks(stage.server.port()).await;
    let url = (stage.server).url_through(port, "greylag", &stage.database.name);
    stage.target_at(&format!("{url}?ssl-mode=DISABLED"))
}

on_both!(who_only_looks_is_let_in_where_nobody_may_lock(stage, shared) {
    let target = target(&stage).await;
    let refused = stage_lock(&target).await;
    assert!(refused.contains("GOT_LOCK") || refused.contains("1046") || refused.contains("1305"), "{refused}");

    let mut session = greylag_engines::open(&target).await.unwrap_or_else(|e| panic!("{e}: {e:?}"));
    let survey = session.survey().await.unwrap();
    assert_eq!(survey.server.engine, stage.engine);
    let mut observer = greylag_engines::observe(&target).await.unwrap().unwrap();
    assert_eq!(observer.observe().await.unwrap().server.lineage, survey.server.lineage);
    greylag_engines::appraise(&target).await.unwrap();
    // Who wants to work is told that it can't, and not that nobody answers.
    let refused = format!("{:?}", session.try_lock().await.unwrap_err());
    assert!(!refused.contains("Lost"), "{refused}");
});

/// That the way is what it is said to be.
async fn stage_lock(target: &Target) -> String {
    let mut session = match greylag_engines::open(target).await {
        Ok(session) => session,
        Err(why) => panic!("{why}: {why:?}"),
    };
    match session.ask("SELECT GET_LOCK('of a test', 0)").await {
        Ok(said) => panic!("it got a lock: {said:?}"),
        Err(why) => format!("{why:?}"),
    }
}
