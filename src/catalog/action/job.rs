//! Actions that run in the cluster, as Jobs.

use std::collections::BTreeMap;

use regex::Regex;

use super::kind::{Kind, Limits, Names};
use super::part::{family, parts};

family! {
    /// What can be run in the cluster.
    JobAction {
        Run = "job.run",
    }
}

parts! {
    /// Runs a Job from one of the component's images to its end, judged by the exit codes and the logs of its pods.
    Run {
        /// The Job is called `<release>-<name>`; so is the headless Service of its pods.
        name: String,
        /// Name of one of the component's images; once it is bound, the image as it is pulled.
        image: String,
        /// How many pods run beside each other, each with its number in `JOB_COMPLETION_INDEX`.
        processes: String = "one",
        /// What to run instead of the image's entrypoint.
        command: Vec<String> = "Default::default",
        /// Its arguments.
        args: Vec<String> = "Default::default",
        /// Environment variables.
        env: BTreeMap<String, String> = "Default::default",
        /// Environment variables from Secrets: variable to question, or to `<Secret>/<key>` in the namespace; once it is
        /// bound, always that, and without those that have no answer.
        secrets: BTreeMap<String, String> = "Default::default",
        /// Files beside `component.yaml`: folder in the container to file or folder; once it is bound, to their digest.
        files: BTreeMap<String, String> = "Default::default",
        /// ConfigMaps of the namespace: folder in the container to name; one without a name is skipped.
        config_maps: BTreeMap<String, String> = "Default::default",
        /// Folders that can be written to, besides `/tmp`; they are empty.
        writable: Vec<String> = "Default::default",
        /// The user and group that it runs as.
        user: u32 = "nobody",
        /// Labels of its pods, for network policies.
        labels: BTreeMap<String, String> = "Default::default",
        /// CPU that each pod asks for.
        cpu: String = "cpu",
        /// Memory that each pod asks for and may use.
        memory: String = "memory",
        /// What it was done for: where it succeeded for this text before, it is not run again.
        unless: Option<String> = "Default::default",
        /// A regular expression that must be found in a line of a log.
        expect_log: Option<String> = "Default::default",
        /// Lines that must be there, each as often as here, counted over all pods.
        expect_lines: Vec<String> = "Default::default",
        /// Texts that must be there once each.
        expect_unique: Option<Unique> = "Default::default",
        /// A regular expression that must not be found in any line.
        forbid: Option<String> = "Default::default",
        /// Whether its output is shown while it runs, line by line.
        tells: bool = "Default::default",
    }

    /// Texts that are found in logs once each.
    Unique {
        /// A regular expression; what it finds are the texts.
        pattern: String,
        /// How many there must be over all pods.
        count: String,
        /// In how many pods at least.
        pods: String = "one",
    }
}

fn one() -> String {
    "1".to_owned()
}

/// A user that owns nothing in most images.
const fn nobody() -> u32 {
    65532
}

fn cpu() -> String {
    "100m".to_owned()
}

fn memory() -> String {
    "128Mi".to_owned()
}

/// The most pods of one Job.
const MOST_PROCESSES: u32 = 100;

impl Run {
    /// How many pods run beside each other.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.processes.parse().unwrap_or(1)
    }
}

impl Kind for Run {
    fn limits(&self) -> Limits {
        Limits { seconds: 600, retries: 0 }
    }

    fn title(&self) -> String {
        format!("Job {}", self.name)
    }

    fn problem(&self) -> Option<String> {
        let number = |text: &str, most: u32| text.parse::<u32>().is_ok_and(|number| (1..=most).contains(&number));
        if !number(&self.processes, MOST_PROCESSES) {
            return Some(format!("`processes` is `{}`, expected a number from 1 to {MOST_PROCESSES}", self.processes));
        }
        let unique = self.expect_unique.as_ref();
        for (key, text) in unique.into_iter().flat_map(|unique| [("count", &unique.count), ("pods", &unique.pods)]) {
            if !number(text, 1_000_000) {
                return Some(format!("`{key}` of `expect_unique` is `{text}`, expected a number from 1 to 1000000"));
            }
        }
        let patterns = [&self.expect_log, &self.forbid].into_iter().flatten();
        for pattern in patterns.chain(unique.map(|unique| &unique.pattern)) {
            if let Err(error) = Regex::new(pattern) {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
                return Some(format!("`{pattern}` is not a regular expression: {why}"));
            }
        }
        let mut folders = self.files.keys().chain(self.config_maps.keys()).chain(&self.writable);
        let whole = |path: &&String| path.starts_with('/') && path.len() > 1 && !path.contains([':', '\n']);
        if let Some(path) = folders.find(|path| !whole(path)) {
            return Some(format!("`{path}` is not an absolute path of a folder in a container"));
        }
        None
    }

    fn bind(&mut self, names: &dyn Names) -> Result<(), String> {
        // A Job's pods are called `<Job>-<number>-<5 letters>`, and their host name is a label of 63.
        let name: String = format!("{}-{}", names.release(), self.name).chars().take(52).collect();
        self.name = name.trim_end_matches('-').to_owned();
        self.image = names.image(&self.image)?;
        for place in self.files.values_mut() {
            *place = names.files(place)?;
        }
        let bound = std::mem::take(&mut self.secrets).into_iter().map(|(variable, question)| {
            // With a slash it is a Secret of the namespace and its key.
            if let Some((name, key)) = question.split_once('/') {
                return Ok(Some((variable, format!("{name}/{key}"))).filter(|_| !name.is_empty()));
            }
            let secret = names.secret(&question)?;
            Ok(secret.map(|(name, key)| (variable, format!("{name}/{key}"))))
        });
        self.secrets = bound.filter_map(Result::transpose).collect::<Result<_, String>>()?;
        self.config_maps.retain(|_, name| !name.is_empty());
        Ok(())
    }

    fn cleans_up(&self) -> bool {
        true
    }
}
