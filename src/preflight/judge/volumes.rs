//! Existing volumes that are to become larger.

use std::collections::BTreeMap;

use super::found::Judge;
use crate::model::cluster::ClaimState;
use crate::model::few;
use crate::model::volumes::{ExpansionBlocker, is_claim_of};
use crate::preflight::needs::GrowNeed;
use crate::preflight::table::{VOLUME_FIXED, VOLUME_SMALLER};

/// How many claims are named one by one.
const NAMED: usize = 4;

impl Judge<'_> {
    pub(super) fn volumes(&mut self) {
        for (need, has) in &self.facts.grows {
            let (place, wanted) = (need.set.to_string(), need.size.of("storage"));
            if let Some(Some(has)) = self.seen(has, &[VOLUME_SMALLER.id])
                && *has > need.size
            {
                let has = has.of("storage");
                let what = format!("its {} volumes have {has}, but {wanted} is requested", need.claim);
                self.found.push(VOLUME_SMALLER.found(place, what, format!("keep the current size: {has}")));
                continue;
            }
            let checks = [VOLUME_FIXED.id];
            let claims = self.facts.claims.get(need.set.namespace.as_deref().unwrap_or_default());
            let Some(claims) = claims.and_then(|claims| self.seen(claims, &checks)) else { continue };
            let mut claims = smaller(need, claims).peekable();
            if claims.peek().is_none() {
                continue;
            }
            let Some(classes) = self.seen(&self.facts.storage_classes, &checks) else { continue };
            let mut fixed: BTreeMap<ExpansionBlocker, Vec<&ClaimState>> = BTreeMap::new();
            for claim in claims {
                if let Some(why) = ExpansionBlocker::of(claim, Some(classes)) {
                    fixed.entry(why).or_default().push(claim);
                }
            }
            for (why, claims) in fixed {
                let sizes: Vec<String> =
                    claims.iter().map(|claim| format!("{} of {}", claim.object.name, claim.requested)).collect();
                let what = format!("{} cannot grow to {wanted}: {why}", few(&sizes, NAMED));
                let fix = claims.first().map(|claim| why.fix(claim)).unwrap_or_default();
                self.found.push(VOLUME_FIXED.found(&place, what, fix));
            }
        }
    }
}

/// Of the claims of a namespace those that are to grow.
pub(super) fn smaller<'a>(need: &GrowNeed, claims: &'a [ClaimState]) -> impl Iterator<Item = &'a ClaimState> {
    let (template, set, size) = (need.claim.clone(), need.set.name.clone(), need.size);
    claims.iter().filter(move |claim| is_claim_of(&claim.object.name, &template, &set) && claim.asks_less_than(size))
}
