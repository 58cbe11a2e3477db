//! A file that ends the transaction it runs in: said, and the history tells the truth.

use crate::ground::Ground;
use greylag_lab::Engine;

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_commit_in_a_do_block_leaves_no_row_in_history() {
    // Seen by no splitter: the text comes together on the server.
    let sql = "CREATE TABLE half (id int);\nDO $$ BEGIN EXECUTE 'COM' || 'MIT'; END $$;\nINSERT INTO half VALUES (1);\n";
    let Some(ground) = Ground::on(Engine::Postgres, 1).await else {
        return;
    };
    ground.project("");
    ground.migration("V1__hidden.sql", sql);
    let run = ground.run(&["apply", "--yes"]).await;
    // PostgreSQL refuses EXECUTE of transaction commands itself.
    run.ends(1).says("V1").says("V1__hidden.sql:2");
    assert_eq!(ground.versions(0).await, "");
    assert_eq!(ground.count(0, "SELECT count(*) FROM half").await, None);
}
