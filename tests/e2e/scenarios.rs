//! All scenarios in the order in which they run, with what each finds and what it leaves.

use crate::*;

/// What is in the sandbox between two scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// No release, no data and no namespace of ours.
    Empty,
    /// What an install of the small platform left that failed, or nothing: an install has something to do.
    Unfinished,
    /// The small platform, installed and healthy. It may have been changed since its checks passed.
    Ready,
    /// The same, and its checks have passed: an install has nothing to do.
    Verified,
    /// Bytewax's dataflow alone.
    Dataflow,
    /// The stand-in of `http.rs`, in whatever condition, or nothing.
    Entries,
    /// The whole platform.
    Whole,
    /// Nobody knows: at the start, after a scenario that failed, and where it depends.
    Unknown,
}

impl State {
    /// Whether a scenario that needs this can begin with what it finds.
    pub(crate) fn is_met_by(self, found: Self) -> bool {
        match self {
            Self::Ready => matches!(found, Self::Ready | Self::Verified),
            Self::Unfinished | Self::Entries => found == self || found == Self::Empty,
            Self::Empty | Self::Verified | Self::Dataflow | Self::Whole | Self::Unknown => found == self,
        }
    }
}

/// One of the end-to-end tests.
pub(crate) struct Scenario {
    /// Its function's name. Those called `long` are left to `tests/soak`, which has the time.
    pub(crate) name: &'static str,
    /// None where it begins with whatever there is.
    pub(crate) needs: Option<State>,
    /// Once it has passed. None where that is what it found.
    pub(crate) leaves: Option<State>,
    /// Panics where it fails.
    pub(crate) run: fn(),
}

macro_rules! state {
    (any) => {
        None
    };
    (same) => {
        None
    };
    ($state:ident) => {
        Some(State::$state)
    };
}

macro_rules! scenarios {
    ($($needs:ident -> $leaves:ident $name:ident;)*) => {
        &[$(Scenario { name: stringify!($name), needs: state!($needs), leaves: state!($leaves), run: $name }),*]
    };
}

/// Needs, leaves, name.
pub(crate) const SCENARIOS: &[Scenario] = scenarios! {
    Empty      -> Empty      a01_the_target_is_shown_and_never_assumed;
    any        -> same       a02_bad_input_is_reported_before_the_cluster_is_touched;
    any        -> same       a03_long_what_keeps_pods_from_running_is_named;
    any        -> same       a04_long_tunnels_carry_fifty_megabytes_both_ways;
    any        -> same       a05_long_helm_records_what_it_renders_and_its_failures_are_distinguished;
    Empty      -> Unfinished b01_a_wrong_image_tag_fails_fast_and_alone;

    // The small platform.
    Unfinished -> Verified   c01_install_ends_with_a_summary;
    Verified   -> same       c02_a_second_install_has_nothing_to_do;
    Verified   -> Ready      c03_long_helms_environment_changes_nothing;
    Ready      -> same       c04_pods_are_ready_restricted_and_not_root;
    Ready      -> Ready      c05_long_a_failed_driver_is_a_failed_check;
    Ready      -> Verified   c06_verify_passes_and_sparks_pods_are_restricted_too;
    Ready      -> same       c07_checksums_agree_with_hdfs_and_the_state_remembers_them;
    Ready      -> same       c08_a_job_uses_a_class_from_a_shared_library;
    Ready      -> same       c08b_long_a_batch_outlives_livys_pod;
    Verified   -> Ready      c09_what_was_changed_by_hand_is_named_and_restored;
    Ready      -> Ready      c09b_long_ten_changes_by_hand_are_each_named_and_restored_alone;
    Ready      -> Ready      c10_a_large_file_is_uploaded_once;
    Ready      -> Ready      c10b_long_an_upload_outlives_the_pods_of_hdfs;
    Ready      -> Ready      c11_ctrl_c_stops_in_order_and_the_same_command_resumes;
    Ready      -> same       c12_no_secret_and_no_token_is_left_anywhere;
    Ready      -> Ready      c13_the_second_of_two_operators_is_kept_out;
    Ready      -> Ready      c14_a_lock_that_is_held_elsewhere_is_named_and_can_be_removed;
    Ready      -> Verified   c15_long_a_lock_that_is_taken_away_stops_the_run;
    Ready      -> Verified   c16_a_failed_upgrade_is_left_and_rolled_back;
    Ready      -> Ready      c16b_the_support_bundle_has_everything_but_secrets;
    Ready      -> Ready      c16c_long_an_upgrade_is_reported_before_and_what_cannot_be_changed_refused;
    Ready      -> Ready      c16d_long_hdfs_can_be_read_while_its_datanodes_are_upgraded;
    Ready      -> Ready      c16e_nothing_that_a_run_leaves_tells_a_secret;
    Ready      -> same       c17_long_ten_sets_of_missing_rights_are_found_completely_before_any_write;
    Ready      -> Ready      c18_exactly_the_documented_rights_are_enough;
    Ready      -> same       c19_preflight_finds_what_a_site_lacks;
    Ready      -> Ready      c20_long_an_api_that_refuses_forgets_and_is_slow;
    Ready      -> Verified   c20b_long_checks_through_an_api_that_refuses_forgets_and_is_slow;
    Ready      -> Ready      c21_long_an_api_that_dies;
    Ready      -> Ready      c22_long_a_password_is_made_once_kept_and_shown_nowhere;
    any        -> same       c23_long_what_a_chart_would_let_go_stays_and_so_does_what_is_of_others;
    Ready      -> same       c24_a_pod_of_another_namespace_reaches_nothing;
    Ready      -> same       c25_a_driver_becomes_nobody_else_and_reads_no_secret;
    Ready      -> Ready      d01_uninstall_keeps_the_data_and_installing_again_finds_it;
    Ready      -> Empty      d02_purge_wants_the_contexts_name_and_leaves_nothing;

    // One component at a time.
    Empty      -> Dataflow   d10_bytewax_is_checked_by_jobs_and_a_job_that_was_left_is_removed;
    Dataflow   -> Empty      d11_files_are_refused_and_put_back;
    Empty      -> Empty      d12_long_a_dataflow_that_fails_is_reported_and_changed_code_restarts_it;
    Empty      -> Empty      d13_long_three_processes_become_four_and_two;
    Empty      -> Empty      d14_long_a_process_dies_and_no_number_is_lost;
    Empty      -> Entries    d15_what_a_service_should_hold_is_written_once;
    Entries    -> Empty      d16_long_a_rotation_that_is_killed_comes_to_its_end_and_is_shown_nowhere;
    Empty      -> Empty      d17_long_bytewax_is_chosen_on_the_screens;
    Empty      -> Empty      d17_long_two_of_one_beside_each_other;
    Empty      -> Empty      d18_long_a_public_chart_is_installed_changed_and_gone;
    Empty      -> Empty      d19_long_a_public_chart_from_each_place_alone_and_from_four_beside_each_other;
    Empty      -> Empty      d21_long_the_example_of_the_page_about_components;

    // On the screens.
    Empty      -> Empty      e01_guided_by_keys_and_again_from_the_answers_it_wrote;
    Empty      -> Ready      e02_long_a_wrong_tag_is_corrected_on_the_screen;
    Empty      -> Unknown    e03_a_component_that_only_a_folder_describes_on_every_screen;
    Empty      -> Empty      e04_long_a_terminal_that_goes_away_stops_the_run_in_order;
    Empty      -> Empty      e05_long_in_russian_no_screen_has_english;

    // The whole platform.
    Empty      -> Whole      f01_the_whole_platform_is_installed_and_verified;
    Whole      -> Whole      f02_doors_answer_by_tls_and_another_answer_keeps_the_secrets;
    Whole      -> Whole      f03_datagram_lists_one_livy_and_one_airflow;
    Whole      -> Whole      f04_long_each_secret_rotates;
    Whole      -> Whole      f05_long_rotations_outlive_kills;
    Whole      -> Whole      f06_long_a_rollout_lets_tasks_end;
    any        -> same       f07_long_a_server_of_the_site_is_tried_before_anything_is_installed;
    Whole      -> Empty      f08_the_whole_platform_goes_without_a_trace;
    Empty      -> Empty      f09_long_other_profiles;
    Empty      -> Empty      f10_long_another_chart_takes_our_secrets;

    // HDFS with two NameNodes, and its volumes.
    Empty      -> Empty      g01_two_namenodes_outlive_one_in_the_middle_of_an_upload;
    Empty      -> Empty      g02_long_one_namenode_becomes_two;
    Empty      -> Empty      g03_long_what_is_lost_comes_back;
    Empty      -> Empty      g04_long_five_failovers_at_random_moments;
    Empty      -> Empty      g05_long_a_first_start_that_is_killed_ten_times_and_ten_times;
    Empty      -> Empty      g06_long_clients_follow_namenodes_to_other_addresses;
    Empty      -> Empty      g07_long_volumes_become_larger_with_what_is_in_them;
    Empty      -> Empty      g08_long_hdfs_goes_to_the_next_version_back_and_on;
    Empty      -> Empty      g09_long_datanodes_and_copies_become_more;
    Empty      -> Empty      g10_long_datanodes_leave_when_their_blocks_are_elsewhere;

    // From an offline bundle.
    Empty      -> Empty      h01_an_install_from_an_offline_bundle_needs_nothing_but_cluster_and_registry;
    Empty      -> Empty      h02_long_nodes_say_why_they_cannot_pull;
    Empty      -> Empty      h03_long_killed_and_stopped_in_the_middle_of_a_push;

    Empty      -> Unknown    soak_killed_installs_and_uninstalls_are_resumed;
};
