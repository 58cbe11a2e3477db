//! What every engine promises, tried on real servers: one list of tests, run once per engine.
//!
//! An engine joins with a [`fixture::Fixture`] and one line of `contract!` below. What only one engine does has its tests
//! beside this folder.

mod behaviour;
mod fixture;
mod mysql;
mod postgres;
mod shard;
mod sqlite;

/// Makes the module of one engine's tests.
macro_rules! contract {
    ($engine:ident, $fixture:ty, $($group:ident :: { $($test:ident),+ $(,)? }),+ $(,)?) => {
        mod $engine {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    if let Some(shard) = crate::shard::Shard::<$fixture>::start().await {
                        crate::behaviour::$group::$test(&shard).await;
                    }
                }
            )+)+
        }
    };
    ($engine:ident: $fixture:ty) => {
        contract! { $engine, $fixture,
            tables::{
                preparing_twice_changes_nothing,
                a_look_creates_nothing,
                a_look_sees_what_is_there_whatever_was_expected,
                an_empty_shard_is_seen_as_empty_and_one_with_a_table_is_not,
                the_identity_is_read_back_as_it_was_claimed,
                mended_history_reads_as_it_was_mended,
            },
            applying::{
                an_applied_migration_has_one_history_row_in_flyways_columns,
                an_empty_file_is_applied,
                ranks_count_up_and_a_repeatable_gets_a_row_at_each_run,
                an_undo_has_a_row_of_its_own_kind,
                jobs_that_share_a_transaction_each_get_their_row,
                settings_of_one_file_do_not_reach_the_next,
                a_query_is_answered_with_its_first_value,
            },
            lingering::{
                a_temporary_table_hides_no_table_from_the_next_file,
                nothing_that_a_file_leaves_is_seen_by_the_next_one,
            },
            failing::{
                a_failed_migration_leaves_what_the_facts_say,
                a_failure_is_remembered_and_forgotten_by_the_success_after_it,
                a_syntax_error_points_at_line_and_column,
                a_violated_constraint_is_a_failure_of_the_data,
                a_table_that_is_there_already_is_a_conflict,
                one_failing_job_of_several_takes_the_others_with_it,
            },
            locking::{
                the_lock_keeps_a_second_session_out_and_names_the_holder,
                the_lock_dies_with_its_connection,
                a_lock_that_was_let_go_can_be_had,
                a_look_that_comes_with_the_lock_sees_what_its_last_holder_did,
                nobody_looks_under_a_lock_that_is_not_had,
            },
            losing::{
                a_dropped_session_leaves_all_or_nothing_and_settling_tells_which,
                an_answer_lost_at_any_byte_is_settled_truly,
                a_cancel_ends_the_statement_on_the_server,
            },
            resuming::{
                statements_are_done_once_each_and_reported,
                a_failed_file_resumes_after_its_unchanged_prefix,
                a_changed_prefix_is_refused_with_its_statement,
                settings_of_the_finished_prefix_hold_again_after_resuming,
            },
        }
    };
}

contract!(on_postgres: crate::postgres::Postgres);
contract!(on_sqlite: crate::sqlite::Sqlite);
contract!(on_mysql: crate::mysql::Mysql);
contract!(on_mariadb: crate::mysql::Mariadb);
