use crate::place::Place;

#[test]
fn shells_get_their_completions() {
    let place = Place::empty();
    for (shell, mark) in [
        ("bash", "_greylag()"),
        ("zsh", "#compdef greylag"),
        ("fish", "complete -c greylag"),
    ] {
        let text = place.out(&format!("completions {shell}"), 0);
        assert!(text.contains(mark) && text.contains("rollout"), "{shell}");
    }
    assert_eq!(place.run("completions tcsh-ish").code, 2);
}
