//! Errors in words.

/// An error and its causes, outermost first, without those that only repeat what stands above them.
#[must_use]
pub fn causes(error: &(dyn std::error::Error + 'static)) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !texts.iter().any(|above| above.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts
}
