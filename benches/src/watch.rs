//! What watching costs: so many nodes, each looked at once a second, by `greylag apply` while it soaks, beside a floor that
//! holds the same connections and asks the same query with the bare driver.
//!
//! The shards are schemas of one database with one standby, so that few servers bear many nodes.

use crate::measure::{self, machine_cpu, stat};
use clap::Parser;
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use greylag_lab::{Cluster, Engine, Options};
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tokio_postgres::NoTls;

#[derive(Parser)]
pub struct Args {
    /// Half of them primaries, half standbys
    #[arg(long, default_value_t = 500)]
    nodes: usize,
    /// How long each is measured
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// The binary to measure
    #[arg(long, default_value = "target/release/greylag")]
    greylag: PathBuf,
}

/// The floor, run as a child: connections to all URLs, and the query on each of them once a second.
#[derive(Parser)]
pub struct FloorArgs {
    /// A file with a node's URL on each line
    #[arg(long)]
    nodes: PathBuf,
    /// A file with the query
    #[arg(long)]
    query: PathBuf,
}

/// What a watcher used of the machine while it was watched itself.
#[derive(Clone, Copy)]
struct Use {
    /// Of one core.
    share: f64,
    resident_mb: f64,
    looks: f64,
    foreign: f64,
}

pub fn run(args: &Args) {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(run_async(args));
}

async fn run_async(args: &Args) {
    let connections = (args.nodes / 2 + 50).to_string();
    let options = Options::default().set("max_connections", &connections);
    let cluster = Cluster::start_with(Engine::Postgres, 1, options)
        .await
        .expect("a PostgreSQL of the lab with a standby");
    let greylag = args
        .greylag
        .canonicalize()
        .expect("the greylag binary: cargo build --release");
    let folder = tempfile::tempdir().expect("a folder");
    let shards = args.nodes / 2;
    let database = cluster.database("watch").await.expect("a database").name;
    let urls = [cluster.primary(), cluster.replica(0)].map(|server| server.url(&database));
    scaffold(folder.path(), shards, &urls);
    let mut schemas = String::new();
    for at in 0..shards {
        let _ = write!(schemas, "CREATE SCHEMA s{at:04} AUTHORIZATION greylag;");
    }
    let primary = cluster.primary();
    primary.execute(&database, &schemas).await.expect("schemas");
    let query = query_of_a_look(&cluster, &greylag, folder.path()).await;
    fs::write(folder.path().join("look.sql"), query).expect("a file");

    let mut costs: [Vec<Use>; 2] = [Vec::new(), Vec::new()];
    for round in 0..args.rounds {
        for at in 0..2 {
            let at = (at + round) % 2;
            let mut child = match at {
                0 => floor(folder.path()),
                _ => apply(&greylag, folder.path()),
            };
            wait_for(&cluster, &database, args.nodes, &mut child).await;
            let used = measure_child(&cluster, &child, args.seconds).await;
            eprintln!(
                "  {:<8} {:>5.1} % of a core, {:>5.1} MB, {:>4.0} looks/s, foreign {:.2}",
                ["floor", "greylag"][at],
                used.share * 100.0,
                used.resident_mb,
                used.looks,
                used.foreign
            );
            costs[at].push(used);
            // It holds nothing that must be let go of in order.
            let _ = child.kill();
            let _ = child.wait();
            // A rollout that nobody carries on any more.
            let _ = fs::remove_dir_all(folder.path().join(".greylag"));
            let wipe = format!(
                "DROP TABLE IF EXISTS {}",
                TABLES.map(|t| format!("s0000.{t}")).join(", ")
            );
            primary
                .execute(&database, &wipe)
                .await
                .expect("a clean first shard");
        }
    }
    print(args, &costs);
}

/// What the first shard has once its wave is done.
const TABLES: [&str; 4] = [
    "orders",
    "greylag_schema_history",
    "greylag_shard",
    "greylag_step",
];

fn scaffold(folder: &Path, shards: usize, urls: &[String; 2]) {
    let mut text = String::from(
        "project = \"watch\"\nenvironment = \"bench\"\n[[rollout.wave]]\nname = \"canary\"\ncount = 1\nsoak = \"2h\"\n\
         [[rollout.wave]]\nname = \"fleet\"\n[replicas]\nmax-lag = \"1h\"\n",
    );
    for at in 0..shards {
        let _ = writeln!(
            text,
            "[[shard]]\nname = \"s{at:04}\"\nschema = \"s{at:04}\"\nprimary = \"{}\"\nreplicas = [\"{}\"]",
            urls[0], urls[1]
        );
    }
    fs::write(folder.join("greylag.toml"), text).expect("a project");
    fs::create_dir_all(folder.join("migrations")).expect("a folder");
    let migration = "CREATE TABLE orders (id bigint PRIMARY KEY);";
    fs::write(folder.join("migrations/V1__orders.sql"), migration).expect("a migration");
    let mut nodes = String::new();
    for _ in 0..shards {
        let _ = writeln!(nodes, "{}\n{}", urls[0], urls[1]);
    }
    fs::write(folder.join("nodes.txt"), nodes).expect("a list of nodes");
}

/// The query that a look really sends, as the server logs it.
async fn query_of_a_look(cluster: &Cluster, greylag: &Path, folder: &Path) -> String {
    let primary = cluster.primary();
    let log = |what: &'static str| async move {
        for sql in [what, "SELECT pg_reload_conf()"] {
            primary.execute("postgres", sql).await.expect("a setting");
        }
    };
    log("ALTER SYSTEM SET log_statement = 'all'").await;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let mut fleet = Command::new(greylag);
        let seen = fleet.arg("fleet").current_dir(folder).output();
        seen.expect("a look at the fleet");
        let text = fs::read_to_string(primary.log_file()).expect("the server's log");
        let text = text.replace("\n\t", "\n");
        let query = text
            .split("PREPARE greylag_look AS ")
            .nth(1)
            .and_then(|rest| rest.split("; EXECUTE greylag_look").next());
        if let Some(query) = query {
            log("ALTER SYSTEM RESET log_statement").await;
            return query.to_owned();
        }
        assert!(Instant::now() < deadline, "no look was logged");
    }
}

fn apply(greylag: &Path, folder: &Path) -> Child {
    let mut command = Command::new(greylag);
    command.args(["apply", "--yes", "--wait", "2h", "--quiet"]);
    spawn(command, folder)
}

fn floor(folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["watch-floor", "--nodes", "nodes.txt", "--query", "look.sql"]);
    spawn(command, folder)
}

fn spawn(mut command: Command, folder: &Path) -> Child {
    let log = fs::File::create(folder.join("child.log")).expect("a log");
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the same log"))
        .stderr(log)
        .spawn()
        .expect("a child")
}

/// Until all connections are there, and the rollout has nothing else to do.
async fn wait_for(cluster: &Cluster, database: &str, nodes: usize, child: &mut Child) {
    let count = format!(
        "SELECT count(*) FILTER (WHERE application_name LIKE '%watch%'), count(*) FILTER (WHERE application_name NOT LIKE '%watch%' AND state = 'active' AND pid <> pg_backend_pid()) FROM pg_stat_activity WHERE datname = '{database}'"
    );
    let deadline = Instant::now() + Duration::from_secs(300);
    loop {
        let mut watching = 0;
        let mut busy = 0;
        for server in [cluster.primary(), cluster.replica(0)] {
            let rows = server.rows("postgres", &count).await.expect("a count");
            let figure = |at: usize| -> usize {
                let value = rows[0][at].1.as_deref().unwrap_or_default();
                value.parse().unwrap_or_default()
            };
            watching += figure(0);
            busy += figure(1);
        }
        if watching >= nodes && busy == 0 {
            break;
        }
        let ended = child.try_wait().expect("a child");
        assert!(ended.is_none(), "it ended: {ended:?}");
        assert!(
            Instant::now() < deadline,
            "only {watching} of {nodes} connections, {busy} busy"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // What connecting cost is no part of watching.
    tokio::time::sleep(Duration::from_secs(5)).await;
}

async fn measure_child(cluster: &Cluster, child: &Child, seconds: u64) -> Use {
    let pid = i32::try_from(child.id()).expect("a pid");
    let servers = [cluster.primary(), cluster.replica(0)];
    let pids = servers.map(|server| server.process().expect("it runs").pid);
    let cpu = || {
        stat(pid)
            .map(|(own, _)| measure::from_ticks(own))
            .unwrap_or_default()
    };
    let served = || pids.map(measure::tree_cpu).iter().sum::<Duration>();
    let looks = || async {
        let mut sum = 0_u64;
        for server in servers {
            let sql =
                "SELECT sum(xact_commit)::bigint FROM pg_stat_database WHERE datname LIKE 'watch%'";
            let value = server.value("postgres", sql).await.expect("a count");
            sum += value.and_then(|v| v.parse().ok()).unwrap_or(0_u64);
        }
        sum
    };
    let (before, looked, machine, server, began) = (
        cpu(),
        looks().await,
        machine_cpu(),
        served(),
        Instant::now(),
    );
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let wall = began.elapsed().as_secs_f64();
    let used = cpu().saturating_sub(before);
    let elsewhere = machine_cpu().saturating_sub(machine).as_secs_f64()
        - served().saturating_sub(server).as_secs_f64()
        - used.as_secs_f64();
    Use {
        share: used.as_secs_f64() / wall,
        resident_mb: resident_kib(pid) as f64 / 1024.0,
        looks: (looks().await - looked) as f64 / wall,
        foreign: (elsewhere / wall / measure::cores()).max(0.0),
    }
}

fn resident_kib(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or_default()
}

fn print(args: &Args, costs: &[Vec<Use>; 2]) {
    println!(
        "\n## Watching: {} PostgreSQL nodes, each once a second, {} × {} s\n",
        args.nodes, args.rounds, args.seconds
    );
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([
        "peer",
        "% of a core",
        "resident MB",
        "looks/s",
        "foreign",
        "CPU × floor",
        "MB × floor",
    ]);
    let median = |uses: &[Use], of: fn(&Use) -> f64| {
        let mut values: Vec<f64> = uses.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        match values.len() % 2 {
            1 => values[middle],
            _ => (values[middle - 1] + values[middle]) / 2.0,
        }
    };
    for (name, uses) in ["floor", "greylag"].into_iter().zip(costs) {
        let figure = |of| median(uses, of);
        table.add_row([
            name.to_owned(),
            format!("{:.1}", figure(|one| one.share) * 100.0),
            format!("{:.1}", figure(|one| one.resident_mb)),
            format!("{:.0}", figure(|one| one.looks)),
            format!("{:.2}", figure(|one| one.foreign)),
            format!(
                "{:.2}",
                figure(|one| one.share) / median(&costs[0], |one| one.share)
            ),
            format!(
                "{:.2}",
                figure(|one| one.resident_mb) / median(&costs[0], |one| one.resident_mb)
            ),
        ]);
    }
    println!("{table}");
}

pub fn run_floor(args: &FloorArgs) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(watch_all(args));
}

async fn watch_all(args: &FloorArgs) {
    let nodes = fs::read_to_string(&args.nodes).expect("the nodes");
    let query = fs::read_to_string(&args.query).expect("the query");
    let mut tasks = Vec::new();
    for url in nodes.lines() {
        let (client, connection) =
            tokio_postgres::connect(&format!("{url}?application_name=watch"), NoTls)
                .await
                .expect("a connection");
        tokio::spawn(connection);
        let prepare = format!("PREPARE look AS {query}");
        tasks.push(tokio::spawn(async move {
            client.batch_execute(&prepare).await.expect("a statement");
            let mut each = tokio::time::interval(Duration::from_secs(1));
            loop {
                each.tick().await;
                let rows = client.simple_query("EXECUTE look").await.expect("a look");
                std::hint::black_box(rows);
            }
        }));
    }
    futures::future::select_all(tasks)
        .await
        .0
        .expect("it goes on for ever");
}
