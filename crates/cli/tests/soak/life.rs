//! One life: what happens to a fleet, by the dice, and how it is brought home.

mod strikes;

use crate::{
    ground::Ground,
    oracle,
    run::Ran,
    scripts::{Script, repeatable},
};
use greylag_lab::{Engine, Options, Proxy};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    env, fmt,
    time::{Duration, Instant},
};

const APPLY: &[&str] = &["apply", "--yes", "--take-over"];

/// What became of lives.
#[derive(Debug, Default)]
pub struct Tally {
    pub lives: u32,
    pub applies: u32,
    /// Killed, cut off or interrupted while they ran.
    struck: u32,
    /// What people did.
    steered: u32,
    failed: u32,
}

pub struct Life {
    dice: StdRng,
    ground: Ground,
    /// Its server is its own, and may be killed.
    mortal: bool,
    scripts: Vec<Script>,
    revision: u32,
    /// Shards and versions that have a trap.
    traps: Vec<(usize, u32)>,
    sprung: u64,
    /// How long an undisturbed apply takes here and now.
    whole: Duration,
    story: Vec<String>,
    tally: Tally,
}

impl Life {
    pub async fn begin(engine: Engine, seed: u64) -> Option<Life> {
        let mut dice = StdRng::seed_from_u64(seed);
        let shards = dice.random_range(2..=4);
        // The server that lives share is not to be hurt.
        let mortal = engine != Engine::Sqlite && dice.random_bool(0.3);
        let ground = match mortal {
            true => Ground::alone(engine, shards, Options::default()).await?,
            false => Ground::on(engine, shards).await?,
        };
        let mut life = Life {
            dice,
            ground,
            mortal,
            scripts: Vec::new(),
            revision: 0,
            traps: Vec::new(),
            sprung: 0,
            whole: Duration::from_secs(1),
            story: vec![format!("seed {seed}: {shards} shards on {engine}")],
            tally: Tally {
                lives: 1,
                ..Tally::default()
            },
        };
        life.write_project();
        life.write(Script::first(engine));
        life.revise();
        Some(life)
    }

    pub async fn live(mut self) -> Tally {
        for _ in 0..self.dice.random_range(6..=14) {
            self.happen().await;
            oracle::nothing_is_there_twice(&self.ground, &self.told()).await;
        }
        self.come_home().await;
        if env::var_os("GREYLAG_SEED").is_some() {
            eprintln!("{}", self.told());
        }
        oracle::everything_is_there_once(&self.ground, &self.scripts, self.revision, &self.told())
            .await;
        self.tally
    }

    async fn happen(&mut self) {
        match self.dice.random_range(0..24) {
            0..=3 => self.add_migration().await,
            4 => self.revise(),
            5..=7 => drop(self.apply().await),
            8 | 9 => self.apply_and_kill().await,
            10..=12 => self.apply_and_cut().await,
            13 => self.apply_and_interrupt().await,
            14 => self.apply_twice().await,
            15 => self.apply_and_pause().await,
            16 => self.mend_and_retry().await,
            17 => self.skip().await,
            18 => {
                self.steer(&["rollout", "abort", "--reason", "the soak", "--yes"])
                    .await
            }
            19 | 20 => self.edit().await,
            21 => self.add_shard().await,
            _ if self.mortal => self.apply_while_the_server_dies().await,
            _ => drop(self.apply().await),
        }
    }

    fn write_project(&mut self) {
        let budget = self.dice.random_range(0..2);
        self.ground.project(&format!(
            "[rollout]\nmax-in-flight = 2\nmax-per-host = 2\nfailure-budget = {budget}\n\n[lock]\ntimeout = \"2s\"\ndeadline = \"30s\"\n\n[[rollout.wave]]\nname = \"canary\"\ncount = 1\n\n[[rollout.wave]]\nname = \"fleet\"\n"
        ));
    }

    fn write(&mut self, script: Script) {
        self.ground.migration(&script.file, &script.text());
        self.story
            .push(format!("{}:\n{}", script.file, script.text()));
        self.scripts.push(script);
    }

    fn revise(&mut self) {
        self.revision += 1;
        let (file, text) = repeatable(self.revision);
        self.ground.migration(file, &text);
        self.story
            .push(format!("{file}: revision {}", self.revision));
    }

    async fn add_migration(&mut self) {
        let version = u32::try_from(self.scripts.len() + 1).expect("few");
        let script = Script::random(self.ground.engine, version, &mut self.dice);
        // Some shard has what the migration is about to bring.
        if script.can_be_trapped() && self.dice.random_bool(0.4) {
            let shard = self.dice.random_range(0..self.ground.databases.len());
            if self
                .ground
                .count(shard, "SELECT count(*) FROM trap")
                .await
                .is_some()
            {
                self.ground
                    .execute(shard, &format!("INSERT INTO trap VALUES ({version})"))
                    .await;
                self.traps.push((shard, version));
                self.story
                    .push(format!("a trap for V{version} on s{shard:02}"));
            }
        }
        self.write(script);
    }

    async fn add_shard(&mut self) {
        if self.ground.databases.len() < 6 {
            self.ground.add_shard().await;
            self.write_project();
            self.story.push("one more shard".into());
        }
    }

    async fn apply(&mut self) -> Ran {
        self.tally.applies += 1;
        let began = Instant::now();
        let ran = self.ground.run(APPLY).await;
        if ran.code == Some(0) && ran.said.contains("done:") {
            self.whole = began.elapsed();
        }
        self.note("apply", ran)
    }

    /// Notes how a run ended, which must be a way that is documented.
    fn note(&mut self, what: &str, ran: Ran) -> Ran {
        self.story
            .push(format!("{what}: {:?}\n{}", ran.code, indent(&ran.said)));
        self.tally.failed += u32::from(ran.said.contains("failed in V"));
        let known = matches!(ran.code, Some(0..=6));
        assert!(
            known && !ran.said.contains("panicked"),
            "{what} ended with {:?}\n{}",
            ran.code,
            self.told()
        );
        ran
    }

    async fn steer(&mut self, args: &[&str]) {
        self.tally.steered += 1;
        let ran = self.ground.run(args).await;
        self.note(&args.join(" "), ran);
    }

    async fn mend_and_retry(&mut self) {
        if let Some((shard, version)) = self.traps.pop() {
            self.mend(shard, version).await;
        }
        self.steer(&["rollout", "retry"]).await;
    }

    async fn mend(&mut self, shard: usize, version: u32) {
        self.ground
            .execute(
                shard,
                &format!("DELETE FROM trap WHERE version = {version}"),
            )
            .await;
        self.story
            .push(format!("no trap for V{version} on s{shard:02} any more"));
    }

    async fn skip(&mut self) {
        let shard = self.dice.random_range(0..self.ground.databases.len());
        self.steer(&[
            "rollout",
            "skip",
            &format!("s{shard:02}"),
            "--reason",
            "the soak",
        ])
        .await;
    }

    /// A migration that failed is edited, once the run that met the failure has ended by itself.
    async fn edit(&mut self) {
        let ran = self.apply().await;
        let failed = self.traps.iter().map(|(_, version)| *version).min();
        let Some(version) = failed.filter(|version| {
            matches!(ran.code, Some(1 | 3)) && ran.said.contains(&format!("V{version}"))
        }) else {
            return;
        };
        let at = self
            .scripts
            .iter()
            .position(|script| script.version == version)
            .expect("it was written");
        if ran.said.contains("unknown") || self.is_behind_the_trap(at).await {
            return;
        }
        let script = &mut self.scripts[at];
        script.edit();
        let (file, text) = (script.file.clone(), script.text());
        self.ground.migration(&file, &text);
        self.story.push(format!("{file}, edited:\n{text}"));
        self.traps.retain(|(_, trapped)| *trapped != version);
        self.tally.steered += 1;
        let ran = self.apply().await;
        if matches!(ran.code, Some(5 | 6)) {
            self.repair(version).await;
        }
    }

    /// Where some shard was struck behind the statement that an edit would change, the edit would be refused, and rightly.
    async fn is_behind_the_trap(&self, at: usize) -> bool {
        let (version, statements) = (
            self.scripts[at].version,
            self.scripts[at].statements_before(),
        );
        let sql = format!(
            "SELECT count(*) FROM greylag_step WHERE migration = 'V{version}' AND state <> 'applied' AND statements_done > {statements}"
        );
        for shard in 0..self.ground.databases.len() {
            if self.ground.count(shard, &sql).await.unwrap_or(0) > 0 {
                return true;
            }
        }
        false
    }

    async fn repair(&mut self, version: u32) {
        self.steer(&[
            "repair",
            &format!("V{version}"),
            "--reason",
            "the soak",
            "--yes",
        ])
        .await;
        self.steer(&["rollout", "retry"]).await;
    }

    /// A patient person mends whatever is told, until there is nothing to do.
    async fn come_home(&mut self) {
        self.story.push("home now".into());
        for (shard, version) in std::mem::take(&mut self.traps) {
            self.mend(shard, version).await;
        }
        for _ in 0..20 {
            let ran = self.apply().await;
            match ran.code {
                Some(0) if ran.said.contains("nothing to do") => return,
                Some(4) => self.steer(&["rollout", "resume"]).await,
                // 1 where this run changed nothing on any shard.
                Some(1 | 3) => self.steer(&["rollout", "retry"]).await,
                // 5 where a rollout was finished before it was refused.
                Some(5 | 6) => {
                    let edited: Vec<u32> = self
                        .scripts
                        .iter()
                        .filter(|script| script.is_edited())
                        .map(|script| script.version)
                        .collect();
                    for version in edited {
                        self.repair(version).await;
                    }
                }
                _ => {}
            }
        }
        panic!("it does not come home\n{}", self.told());
    }

    fn proxy(&self) -> &Proxy {
        self.ground.proxy()
    }

    fn told(&self) -> String {
        self.story.join("\n")
    }
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.lives += other.lives;
        self.applies += other.applies;
        self.struck += other.struck;
        self.steered += other.steered;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            lives,
            applies,
            struck,
            steered,
            failed,
        } = self;
        write!(
            f,
            "{lives} lives, {applies} applies ({struck} struck, {failed} failed), steered {steered} times"
        )
    }
}

fn indent(said: &str) -> String {
    said.lines().map(|line| format!("    {line}\n")).collect()
}
