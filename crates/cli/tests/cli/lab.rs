use crate::place::Place;

#[test]
fn a_folder_without_a_lab_is_said() {
    let place = Place::empty();
    insta::assert_snapshot!(place.err("lab down", 2), @"error: greylag-lab has no lab (no lab.json): nothing to take down");
    insta::assert_snapshot!(place.err("lab status --dir x", 2), @"error: x has no lab (no lab.json): nothing to take down");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_comes_up_takes_a_rollout_and_leaves_nothing() {
    if greylag_lab::require(greylag_lab::Engine::Postgres)
        .await
        .is_none()
    {
        return;
    }
    let place = Place::empty();
    let up = place.json("lab up --shards 2 --replicas 0 --output json", 0);
    assert_eq!(up["schema"], "greylag.lab/v1");
    let status = place.out("lab status", 0);
    let applied = place.run("apply --yes --config greylag-lab/greylag.toml");
    let down = place.run("lab down");
    assert_eq!(applied.code, 0, "{}\n{}", applied.out, applied.err);
    assert_eq!(status.matches("runs").count(), 2, "{status}");
    assert_eq!(down.code, 0, "{}", down.err);
    assert!(down.out.contains("2 servers ended"), "{}", down.out);
}
