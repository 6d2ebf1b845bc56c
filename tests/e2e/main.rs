//! End to end, in the sandbox. `scenarios.rs` lists them all; each can be run alone, or some:
//! `WINDLASS_SANDBOX_DIR=… cargo test --test e2e -- --ignored c10_ c11_`

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot continue fails where it stands")]

mod api;
mod bytewax;
mod changes;
mod datanodes;
mod doors;
mod drivers;
#[path = "../fakes/english.rs"]
mod english;
mod example;
#[path = "../fakes/example.rs"]
mod example_page;
mod guided;
mod ha;
mod harness;
mod hdfs_upgrade;
mod http;
mod keeps;
mod offline;
mod operated;
mod platform;
mod preflight;
#[path = "../pty/mod.rs"]
mod pty;
mod scenarios;
mod secrets;
mod support;
mod trust;
mod upgrade;
mod volumes;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use support::*;

/// What tests/jars takes: pyspark's and one of ours.
const JARS: usize = 64;

const NAMESPACES: [&str; 2] = ["apache-hdfs", "apache-livy"];

fn main() -> std::process::ExitCode {
    harness::run_chosen()
}

fn a01_the_target_is_shown_and_never_assumed() {
    // Acceptance 11: nobody to ask and no --yes.
    run(&mut windlass(&["install"])).exits(3).says("windlass-sandbox").says("--yes");
    // Helm's environment, another Helm and another context lead nowhere else.
    let folder = scratch().join("fake-helm");
    std::fs::create_dir_all(&folder).unwrap();
    let fake = folder.join("helm");
    std::fs::write(&fake, "#!/bin/sh\necho v4.2.1\n").unwrap();
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
    run(windlass(&["install", "--yes", "--helm"]).arg(&fake)).exits(4).says("4.2.1");
    assert_eq!(releases(), [], "nothing was installed");
}

fn a02_bad_input_is_reported_before_the_cluster_is_touched() {
    run(&mut windlass(&["install", "--yes", "--set", "livy.memori=1Gi"])).exits(2).says("did you mean `livy.memory`?");
    let file = scratch().join("bad.yaml");
    std::fs::write(&file, "hdfs:\n  replication: many\n  datanode_kind: daemonst\nlivi: {memory: 1Gi}\n").unwrap();
    let file = file.to_str().unwrap();
    run(&mut windlass(&["plan", "--answers", file]))
        .exits(2)
        .says("bad.yaml:2:")
        .says("bad.yaml:3:")
        .says("bad.yaml:4:")
        .says("livy.memory");
    run(&mut windlass(&["install", "--yes", "--set", "shared-libraries.source=/nonexistent"]))
        .exits(2)
        .says("/nonexistent");
    let broken = changed_catalog("broken", "livy/component.yaml", "requires: [hdfs", "requires: [hdsf");
    run(windlass(&["plan", "--catalog"]).arg(&broken)).exits(2).says("component.yaml:").says("did you mean `hdfs`?");
    run(std::process::Command::new(WINDLASS)
        .args(["plan", "--context", "nope", "--kubeconfig"])
        .arg(sandbox().join("kubeconfig"))
        .args(["--set", "livy.image=a", "--set", "livy.image_tag=b"]))
    .exits(4)
    .says("nope")
    .says("windlass-sandbox");
}

fn a03_long_what_keeps_pods_from_running_is_named() {
    drivers::what_keeps_pods_from_running();
}

fn a04_long_tunnels_carry_fifty_megabytes_both_ways() {
    drivers::tunnels_carry_much_both_ways();
}

fn a05_long_helm_records_what_it_renders_and_its_failures_are_distinguished() {
    drivers::helm_records_what_it_renders();
}

fn b01_a_wrong_image_tag_fails_fast_and_alone() {
    // Acceptance 3: nothing is installed, so there is something to block and something to finish.
    let ran = install(&["--json", "--set", "livy.image_tag=nope"]).exits(5);
    let events = ran.events();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).collect::<Vec<_>>();
    assert_eq!(events[0]["schema"], 1);
    let failed = of("step-failed");
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["id"], "livy/ready");
    assert!(failed[0]["seconds"].as_f64().unwrap() < 60.0, "{}", failed[0]["seconds"]);
    let findings = failed[0]["findings"].to_string();
    for word in ["my-livy-", "livy:nope", "10.9"] {
        assert!(findings.contains(word), "{word} is not in {findings}");
    }
    assert!(failed[0]["findings"][0]["event"].is_string(), "{findings}");
    let blocked: Vec<String> = of("step-blocked").iter().map(|event| text(&event["id"])).collect();
    assert!(blocked.contains(&"livy/verify-1".to_owned()), "{blocked:?}");
    assert!(of("step-blocked").iter().all(|event| event["by"] == "livy/ready"));
    let finished: Vec<String> = of("step-finished").iter().map(|event| text(&event["id"])).collect();
    for id in ["spark-history-server/ready", "shared-libraries/record", "hdfs/verify-2"] {
        assert!(finished.contains(&id.to_owned()), "{id} is not in {finished:?}");
    }
    assert_eq!(events.last().unwrap()["outcome"], "failed");
}

fn c01_install_ends_with_a_summary() {
    install(&[])
        .exits(0)
        .says("3 releases healthy, verified")
        .says("answers.yaml")
        .says("my-livy.apache-livy.svc.cluster.local:8998");
    let names: Vec<_> = releases().into_iter().map(|(name, _, status)| (name, status)).collect();
    let deployed = |name: &str| (name.to_owned(), "deployed".to_owned());
    assert_eq!(
        names,
        [
            deployed("apache-hdfs/my-hdfs"),
            deployed("apache-livy/my-livy"),
            deployed("apache-livy/my-spark-history-server")
        ]
    );
}

fn c02_a_second_install_has_nothing_to_do() {
    // Acceptance 7.
    let before = releases();
    install(&[]).exits(0).says("nothing to do");
    assert_eq!(releases(), before);
    let plan = plan(&[]);
    assert_eq!(changes(&plan), []);
    // Equal inputs give equal bytes.
    assert_eq!(plan.to_string(), support::plan(&[]).to_string());
}

fn c03_long_helms_environment_changes_nothing() {
    // Acceptance 11.
    let args = with_jars(&["install", "--yes"]);
    let mut command = windlass(&args.iter().map(String::as_str).collect::<Vec<_>>());
    command.env("HELM_NAMESPACE", "elsewhere").env("HELM_DRIVER", "configmap").env("HELM_KUBECONTEXT", "nope");
    command.env("KUBECONFIG", "/nonexistent");
    run(&mut command).exits(0).says("nothing to do");
    // A change goes to the same place, with the same storage driver.
    command.args(["--set", "spark-history-server.memory=400Mi", "--no-verify"]);
    run(&mut command).exits(0).says("value memory");
    let kind = kubectl(&["-n", "apache-livy", "get", "configmaps", "-l", "owner=helm", "-o", "name"]);
    assert_eq!(kind, "");
    install(&["--no-verify"]).exits(0);
}

fn c04_pods_are_ready_restricted_and_not_root() {
    for namespace in NAMESPACES {
        let labels = kubectl_json(&["get", "namespace", namespace]);
        assert_eq!(labels["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
        let pods = kubectl_json(&["-n", namespace, "get", "pods"]);
        let pods = pods["items"].as_array().unwrap();
        assert!(!pods.is_empty());
        for pod in pods {
            let name = &pod["metadata"]["name"];
            assert_eq!(pod["status"]["phase"], "Running", "{name}");
            let ready = pod["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap();
            assert_eq!(ready["status"], "True", "{name}");
            let container = &pod["spec"]["containers"][0];
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{name}");
            let name = name.as_str().unwrap();
            let uid = kubectl(&["-n", namespace, "exec", name, "--", "id", "-u"]);
            assert_ne!(uid.trim(), "0", "{name}");
        }
    }
}

fn c05_long_a_failed_driver_is_a_failed_check() {
    // Acceptance 19.
    let catalog = changed_catalog(
        "fails",
        "livy/component.yaml",
        "class: org.apache.spark.examples.SparkPi, file: \"local:///opt/spark/examples/jars/spark-examples_2.12-3.5.6.jar\"",
        "class: windlass.tests.Fails, file: \"local:///opt/spark/examples/jars/windlass-tests.jar\"",
    );
    run(windlass(&["verify", "--components", "livy", "--catalog"]).arg(&catalog))
        .exits(7)
        .says("this job fails on purpose")
        .says("the Spark driver apache-livy/");
    run(&mut windlass(&["status"])).says("verification failed");
}

fn c06_verify_passes_and_sparks_pods_are_restricted_too() {
    // With no more rights than those of docs/rbac.yaml; c18 has the rest.
    let account = preflight::account();
    let mut verify = preflight::windlass_with(&account, &["verify", "--json"]);
    let mut child = verify.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut roles = BTreeSet::new();
    let deadline = std::time::Instant::now() + Duration::from_secs(240);
    while child.try_wait().unwrap().is_none() && std::time::Instant::now() < deadline {
        let pods = kubectl_json(&["-n", "apache-livy", "get", "pods", "-l", "spark-role"]);
        for pod in pods["items"].as_array().unwrap() {
            let spec = &pod["spec"];
            assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{}", pod["metadata"]["name"]);
            if pod["status"]["phase"] == "Running" {
                roles.insert(text(&pod["metadata"]["labels"]["spark-role"]));
            }
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(roles.into_iter().collect::<Vec<_>>(), ["driver", "executor"]);
    let events: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let finished = |id: &str| {
        events
            .iter()
            .find(|event| {
                event["id"] == id && matches!(event["event"].as_str(), Some("step-finished" | "step-skipped"))
            })
            .unwrap_or_else(|| panic!("{id} did not finish: {out}"))
    };
    assert!(text(&finished("livy/verify-1")["summary"]).contains("Pi is roughly 3.1"));
    let session = finished("livy/verify-2");
    if livy_is_old() {
        assert_eq!(session["event"], "step-skipped");
        skipped("a session");
    } else {
        assert!(text(&session["summary"]).contains('2'), "{session}");
    }
    finished("spark-history-server/verify-1");
    preflight::no_account();
    // Nothing of the checks stays.
    let left = kubectl(&["-n", "apache-livy", "get", "pods", "-l", "windlass.dev/check", "-o", "name"]);
    assert_eq!(left, "");
    let logs = hdfs(&["dfs", "-ls", "/shared/spark-logs"]);
    assert!(logs.contains("spark-"), "{logs}");
    // What failed before is fixed, and status knows.
    let status = run(&mut windlass(&["status"])).exits(0).says("healthy");
    assert!(!status.out.contains("verification failed"), "{}", status.out);
    // Livy looks at its drivers every three seconds, and saves what it sees.
    if !livy_is_old() {
        std::thread::sleep(Duration::from_secs(4));
        let saved = ["exec", "deploy/my-livy", "--", "ls", "/var/lib/livy/state/v1/interactive"];
        assert_eq!(kubectl(&[&["-n", "apache-livy"][..], &saved].concat()).trim(), "state");
    }
}

fn livy_is_old() -> bool {
    std::fs::read_to_string(small().join("answers.yaml")).unwrap().contains("image_tag: 0.7")
}

/// Says what was not tried, in words that `tests/run` puts into its table.
#[expect(clippy::print_stdout, reason = "what a scenario skipped belongs into its output")]
fn skipped(what: &str) {
    println!("skipped: {what} (needs Livy 0.9: WINDLASS_LIVY_DIST)");
}

fn c07_checksums_agree_with_hdfs_and_the_state_remembers_them() {
    let state = state();
    let uploads = &state["components"]["shared-libraries"]["uploads"]["/datagram/sharedlibs"];
    let uploads = uploads.as_object().unwrap();
    assert_eq!(uploads.len(), JARS);
    for (name, checksum) in uploads.iter().step_by(21) {
        let told = hdfs(&["dfs", "-checksum", &format!("/datagram/sharedlibs/{name}")]);
        let mut words = told.split_whitespace().skip(1);
        let (algorithm, bytes) = (words.next().unwrap(), words.next().unwrap());
        let (known, hex) = checksum.as_str().unwrap().split_once(':').unwrap();
        assert_eq!((algorithm, bytes), (known, hex), "{name}");
    }
}

fn c08_a_job_uses_a_class_from_a_shared_library() {
    // Neither Spark nor the job's own jar has these classes: they can only come from the shared libraries.
    let class = "windlass.tests.Fails";
    let from = "class: org.apache.spark.examples.SparkPi,";
    let to = "class: windlass.tests.UsesClass,";
    let catalog = changed_catalog("uses-class", "livy/component.yaml", from, to);
    let from = "args: [\"20\"], expect_log: \"Pi is roughly 3.1\"";
    let expected = format!("executor loaded {class} from file:/opt/spark/shared-libraries/windlass-tests.jar");
    let to = format!("args: [\"{class}\"], expect_log: \"{expected}\"");
    let file = catalog.join("livy/component.yaml");
    change(&file, from, &to);
    // The batch is what this is about: a session would only take time.
    let text = std::fs::read_to_string(&file).unwrap();
    let lines = text.lines().filter(|line| !line.contains("livy.session"));
    std::fs::write(&file, lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    run(windlass(&["verify", "--components", "livy", "--catalog"]).arg(&catalog)).exits(0).says(class);
}

fn c08b_long_a_batch_outlives_livys_pod() {
    changes::livys_pod_goes_during_a_batch();
}

fn c09_what_was_changed_by_hand_is_named_and_restored() {
    let name = std::fs::read_dir(jars())
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.ends_with(".jar").then_some(name)
        })
        .min()
        .unwrap();
    hdfs(&["dfs", "-rm", "-skipTrash", &format!("/datagram/sharedlibs/{name}")]);
    hdfs(&["dfs", "-chmod", "0755", "/shared/spark-logs"]);
    run(&mut windlass(&["status", "--drift"]))
        .exits(5)
        .says(&format!("/datagram/sharedlibs/{name} is gone"))
        .says("mode of /shared/spark-logs: 0755 becomes 1777");
    let found = plan(&[]);
    let mut wanted = changes(&found);
    wanted.retain(|(id, _)| !id.ends_with("/record"));
    assert_eq!(
        wanted,
        [
            ("hdfs/after-3".to_owned(), "update".to_owned()),
            ("shared-libraries/after-2".to_owned(), "update".to_owned())
        ]
    );
    let before = releases();
    install(&["--no-verify"]).exits(0).says(&name).says("mode of /shared/spark-logs: 0755 becomes 1777").says("1 sent");
    assert_eq!(releases(), before, "no release was touched");
    assert!(hdfs(&["dfs", "-ls", "/shared"]).contains("drwxrwxrwt"));
    run(&mut windlass(&["status", "--drift"])).exits(0);
    install(&[]).exits(0).says("nothing to do");
    // A workload that is gone is found and comes back.
    kubectl(&["-n", "apache-livy", "delete", "service", "my-spark-history-server"]);
    install(&["--no-verify"]).exits(0).says("my-spark-history-server is gone");
    kubectl(&["-n", "apache-livy", "get", "service", "my-spark-history-server"]);
}

fn c09b_long_ten_changes_by_hand_are_each_named_and_restored_alone() {
    changes::ten_changes_by_hand();
}

fn c10_a_large_file_is_uploaded_once() {
    let source = format!("shared-libraries.source={}", folder_with_file(256).display());
    let args = [
        "install",
        "--yes",
        "--no-verify",
        "--components",
        "shared-libraries",
        "--set",
        &source,
        "--set",
        "shared-libraries.target=/large",
    ];
    run(&mut windlass(&args)).exits(0).says("1 sent");
    let listed = hdfs(&["dfs", "-ls", "/large"]);
    assert!(listed.contains("268435456"), "{listed}");
    run(&mut windlass(&args)).exits(0).says("nothing to do");
    hdfs(&["dfs", "-rm", "-r", "-skipTrash", "/large"]);
    install(&["--no-verify"]).exits(0);
}

fn c10b_long_an_upload_outlives_the_pods_of_hdfs() {
    changes::hdfs_pods_go_during_an_upload();
}

fn c11_ctrl_c_stops_in_order_and_the_same_command_resumes() {
    let revision = || revision("my-spark-history-server");
    let before = revision();
    let args = with_jars(&["install", "--yes", "--set", "spark-history-server.memory=410Mi"]);
    let mut command = windlass(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("the release is being upgraded", 60, || revision() > before);
    run(std::process::Command::new("kill").args(["-INT", &child.id().to_string()])).exits(0);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(releases().iter().all(|(_, _, status)| !status.starts_with("pending")), "{:?}", releases());
    install(&["--no-verify"]).exits(0);
}

fn c12_no_secret_and_no_token_is_left_anywhere() {
    let secret = registry_secrets().swap_remove(0);
    let state = scratch().join("state");
    let found = run(std::process::Command::new("grep").args(["-rlF", &secret]).arg(&state));
    assert_eq!(found.code, 1, "the registry's password is in {}", found.out);
    let pods = kubectl(&["-n", "apache-livy", "get", "pods", "-l", "app.kubernetes.io/name=livy", "-o", "name"]);
    let log = kubectl(&["-n", "apache-livy", "logs", pods.trim()]);
    assert!(!log.contains("eyJ"), "Livy logged a token");
}

fn c13_the_second_of_two_operators_is_kept_out() {
    trust::two_operators();
}

fn c14_a_lock_that_is_held_elsewhere_is_named_and_can_be_removed() {
    trust::a_lock_held_elsewhere();
}

fn c15_long_a_lock_that_is_taken_away_stops_the_run() {
    trust::a_lock_taken_away();
}

fn c16_a_failed_upgrade_is_left_and_rolled_back() {
    trust::a_failed_upgrade_and_the_way_back();
}

fn c16b_the_support_bundle_has_everything_but_secrets() {
    trust::support_bundle();
}

fn c16d_long_hdfs_can_be_read_while_its_datanodes_are_upgraded() {
    trust::a_rolling_upgrade_of_hdfs();
}

fn c16e_nothing_that_a_run_leaves_tells_a_secret() {
    trust::nothing_tells_a_secret();
}

fn c16c_long_an_upgrade_is_reported_before_and_what_cannot_be_changed_refused() {
    upgrade::what_would_change_is_reported();
    upgrade::what_cannot_be_changed_is_refused_with_the_way_round();
    upgrade::what_is_wrong_in_itself_is_refused_otherwise();
}

fn e01_guided_by_keys_and_again_from_the_answers_it_wrote() {
    guided::by_keys_and_again_from_the_answers();
}

fn e02_long_a_wrong_tag_is_corrected_on_the_screen() {
    guided::a_wrong_tag_is_corrected();
}

fn e03_a_component_that_only_a_folder_describes_on_every_screen() {
    guided::a_component_that_only_a_folder_describes();
}

fn e05_long_in_russian_no_screen_has_english() {
    guided::all_in_russian();
}

fn e04_long_a_terminal_that_goes_away_stops_the_run_in_order() {
    guided::a_terminal_that_goes_away();
}

fn g01_two_namenodes_outlive_one_in_the_middle_of_an_upload() {
    ha::survives();
    ha::removed();
}

fn g02_long_one_namenode_becomes_two() {
    ha::becomes();
    ha::removed();
}

fn g03_long_what_is_lost_comes_back() {
    ha::loses();
    ha::removed();
}

fn g04_long_five_failovers_at_random_moments() {
    ha::fails_over();
    ha::removed();
}

fn g05_long_a_first_start_that_is_killed_ten_times_and_ten_times() {
    ha::begins_however_often_it_is_killed();
    ha::removed();
}

fn g06_long_clients_follow_namenodes_to_other_addresses() {
    ha::clients_follow();
    ha::removed();
}

fn g07_long_volumes_become_larger_with_what_is_in_them() {
    volumes::become_larger();
    ha::removed();
    volumes::class_removed();
}

fn g09_long_datanodes_and_copies_become_more() {
    datanodes::come();
    ha::removed();
}

fn g10_long_datanodes_leave_when_their_blocks_are_elsewhere() {
    datanodes::leave();
    ha::removed();
}

fn g08_long_hdfs_goes_to_the_next_version_back_and_on() {
    hdfs_upgrade::rolls();
    ha::removed();
}

fn soak_killed_installs_and_uninstalls_are_resumed() {
    trust::kills();
}

fn c17_long_ten_sets_of_missing_rights_are_found_completely_before_any_write() {
    preflight::ten_sets_of_missing_rights();
}

fn c18_exactly_the_documented_rights_are_enough() {
    preflight::exactly_the_documented_rights();
}

fn c19_preflight_finds_what_a_site_lacks() {
    preflight::nothing_wrong();
    preflight::what_a_site_can_lack();
}

fn c20_long_an_api_that_refuses_forgets_and_is_slow() {
    api::an_api_that_refuses_forgets_and_is_slow(&["--no-verify"], "4 ready");
}

fn c20b_long_checks_through_an_api_that_refuses_forgets_and_is_slow() {
    api::an_api_that_refuses_forgets_and_is_slow(&[], "4 healthy");
}

fn c21_long_an_api_that_dies() {
    api::an_api_that_dies();
}

fn c22_long_a_password_is_made_once_kept_and_shown_nowhere() {
    secrets::made_once_kept_and_shown_nowhere();
}

fn c23_long_what_a_chart_would_let_go_stays_and_so_does_what_is_of_others() {
    keeps::what_a_chart_would_let_go();
}

fn c24_a_pod_of_another_namespace_reaches_nothing() {
    doors::nobody_else_gets_in();
}

fn c25_a_driver_becomes_nobody_else_and_reads_no_secret() {
    doors::a_driver_is_a_driver();
}

fn d01_uninstall_keeps_the_data_and_installing_again_finds_it() {
    run(&mut windlass(&["uninstall", "--yes", "--components", "hdfs"])).exits(8).says("livy");
    run(&mut windlass(&["uninstall", "--yes"])).exits(0).says("kept");
    assert_eq!(releases(), []);
    for namespace in NAMESPACES {
        kubectl(&["get", "namespace", namespace]);
        let left =
            kubectl(&["-n", namespace, "get", "pods,services,statefulsets,deployments,configmaps", "-o", "name"]);
        let left: Vec<&str> = left.lines().filter(|name| *name != "configmap/kube-root-ca.crt").collect();
        assert_eq!(left, Vec::<&str>::new());
        let secrets = kubectl(&["-n", namespace, "get", "secrets", "-o", "name"]);
        assert_eq!(secrets, "", "in {namespace}");
    }
    let claims = kubectl(&["-n", "apache-hdfs", "get", "pvc", "-o", "name"]);
    assert_eq!(claims.lines().count(), 2, "{claims}");
    let cluster_wide =
        kubectl(&["get", "clusterroles,clusterrolebindings", "-l", "app.kubernetes.io/instance=my-livy", "-o", "name"]);
    assert_eq!(cluster_wide, "");
    run(&mut windlass(&["status"])).exits(0);
    run(&mut windlass(&["uninstall", "--yes"])).exits(0).says("nothing to do");
    // The jars are still there: nothing is sent.
    let ran = install(&["--no-verify"]).exits(0).says("0 sent");
    assert!(ran.out.contains(&format!("{JARS} unchanged")), "{}", ran.out);
}

fn d02_purge_wants_the_contexts_name_and_leaves_nothing() {
    run(&mut windlass(&["uninstall", "--yes", "--purge-data"])).exits(3).says("--confirm windlass-sandbox");
    run(&mut windlass(&["uninstall", "--yes", "--purge-data", "--confirm", "other"])).exits(8);
    run(&mut windlass(&["uninstall", "--yes", "--purge-data", "--confirm", "windlass-sandbox"])).exits(0);
    for namespace in NAMESPACES {
        let ran = run(kubectl_command(&["get", "namespace", namespace]).stdin(Stdio::null()));
        assert_ne!(ran.code, 0, "{namespace} is still there");
    }
}

fn d10_bytewax_is_checked_by_jobs_and_a_job_that_was_left_is_removed() {
    bytewax::checked_by_jobs();
}

fn d11_files_are_refused_and_put_back() {
    bytewax::files_that_are_refused_and_files_that_are_gone();
}

fn d12_long_a_dataflow_that_fails_is_reported_and_changed_code_restarts_it() {
    bytewax::code_that_fails_and_code_that_changes();
}

fn d17_long_two_of_one_beside_each_other() {
    bytewax::two_of_one();
}

fn d13_long_three_processes_become_four_and_two() {
    bytewax::three_processes_become_four_and_two();
}

fn d14_long_a_process_dies_and_no_number_is_lost() {
    bytewax::a_process_dies_and_no_number_is_lost();
}

fn d15_what_a_service_should_hold_is_written_once() {
    http::what_a_service_should_hold();
}

fn d16_long_a_rotation_that_is_killed_comes_to_its_end_and_is_shown_nowhere() {
    secrets::rotated_over_three_kills();
}

fn d18_long_a_public_chart_is_installed_changed_and_gone() {
    operated::lives(&operated::SOURCES[..1]);
}

fn d19_long_a_public_chart_from_each_place_alone_and_from_four_beside_each_other() {
    operated::lives(&operated::SOURCES);
    operated::SOURCES.iter().for_each(|source| operated::lives(&[source]));
}

fn d21_long_the_example_of_the_page_about_components() {
    example::the_example_of_the_page();
}

fn d17_long_bytewax_is_chosen_on_the_screens() {
    guided::bytewax_is_chosen();
}

fn f01_the_whole_platform_is_installed_and_verified() {
    platform::installed_and_verified();
}

fn f02_doors_answer_by_tls_and_another_answer_keeps_the_secrets() {
    platform::doors_answer_and_secrets_stay();
}

fn f03_datagram_lists_one_livy_and_one_airflow() {
    platform::registered_once();
}

fn f04_long_each_secret_rotates() {
    platform::secrets_rotate();
}

fn f05_long_rotations_outlive_kills() {
    platform::rotations_outlive_kills();
}

fn f06_long_a_rollout_lets_tasks_end() {
    platform::a_rollout_lets_tasks_end();
}

fn f07_long_a_server_of_the_site_is_tried_before_anything_is_installed() {
    platform::a_server_of_the_site_is_tried_first();
}

fn f08_the_whole_platform_goes_without_a_trace() {
    platform::purged();
}

fn f09_long_other_profiles() {
    platform::other_profiles();
}

fn f10_long_another_chart_takes_our_secrets() {
    platform::another_chart_takes_our_secrets();
}

fn h01_an_install_from_an_offline_bundle_needs_nothing_but_cluster_and_registry() {
    offline::installs();
    ha::removed();
}

fn h02_long_nodes_say_why_they_cannot_pull() {
    offline::nodes_say();
}

fn h03_long_killed_and_stopped_in_the_middle_of_a_push() {
    offline::killed();
    ha::removed();
}
