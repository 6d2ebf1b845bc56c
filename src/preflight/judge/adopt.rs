//! What somebody has to agree to: adopting releases that windlass did not create, and changes that others notice.

use super::found::Judge;
use crate::preflight::needs::Agreement;
use crate::preflight::table::{AGREEMENT, RELEASE_FOREIGN, RELEASE_NOT_ADOPTABLE};

impl Judge<'_> {
    pub(super) fn adoptions(&mut self) {
        for adoption in &self.needs.adoptions {
            let (id, key) = (&adoption.component, &adoption.key);
            let (place, what) = (format!("release {key}"), adoption.describe("en"));
            let rename = format!("--set {id}.release=NAME with another name");
            let mut finding = if adoption.is_possible() {
                let fix = format!("--adopt {id} (windlass plan --diff shows the changes), or {rename}");
                RELEASE_FOREIGN.found(place, what, fix)
            } else {
                let remove = format!("helm -n {} uninstall {}", key.namespace, key.name);
                let fix = format!("{rename}; or, if it is no longer needed: {remove}");
                RELEASE_NOT_ADOPTABLE.found(place, what, fix)
            };
            finding.adopt = adoption.is_possible().then(|| id.clone());
            self.found.push(finding);
        }
    }
    pub(super) fn agreements(&mut self) {
        for Agreement { component, step, title, says, done } in &self.needs.agreements {
            if done.is_some() && done.as_deref() == self.observed.done(component, step) {
                continue;
            }
            let fix = format!("--waive {}, once the users of {component} have been informed", AGREEMENT.id);
            self.found.push(AGREEMENT.found(component.clone(), format!("{title}: {says}"), fix));
        }
    }
}
