use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Containerfile, Recipe, Step};
use crate::model::oci::Platform;

fn platform(architecture: &str) -> Platform {
    Platform { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: None }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => panic!("no object"),
    }
}

/// What a file gives on a base, with these arguments.
fn recipe(text: &str, given: &[(&str, &str)], base: Value) -> Result<Recipe, String> {
    let given: BTreeMap<String, String> =
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let file = Containerfile::parse("C", text.as_bytes()).map_err(|found| found.to_string())?;
    file.base(&given).map_err(|found| found.to_string())?;
    file.evaluate(&given, &platform("arm64"), &object(base)).map_err(|found| found.to_string())
}

#[test]
fn the_config_is_the_bases_with_what_the_file_sets() {
    let text = "ARG BASE=b:1\n\
                FROM ${BASE} AS image\n\
                ARG V=1 W\n\
                ARG BASE\n\
                ARG TARGETARCH\n\
                COPY --from=dist --link a$V b /opt/x/\n\
                COPY c.txt rel\n\
                ENV A=$PATH:/a PATH=${PATH}:/x B=\"two \\\n  words\" C=${W:-none}\n\
                ENV A2=$A\n\
                LABEL v=\"${V}\" \"x y\"=$BASE-$TARGETARCH\n\
                EXPOSE 80 53/udp\n\
                USER 185\n\
                WORKDIR /opt/x\n\
                WORKDIR logs/./new\n\
                ENTRYPOINT [\"/bin/x\", \"$A\"]\n";
    let base = json!({
        "Env": ["PATH=/bin", "Q=1"], "Labels": {"v": "0", "w": "1"}, "Cmd": ["old"], "WorkingDir": "/w", "User": "root",
    });
    let made = recipe(text, &[("V", "2")], base.clone()).unwrap();
    let expected = json!({
        "Env": ["PATH=/bin:/x", "Q=1", "A=/bin:/a", "B=two   words", "C=none", "A2=/bin:/a"],
        "Labels": {"v": "2", "w": "1", "x y": "b:1-arm64"},
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "WorkingDir": "/opt/x/logs/new", "User": "185", "Entrypoint": ["/bin/x", "$A"],
    });
    assert_eq!(Value::from(made.config), expected, "the base's CMD was for its own program");
    let Step::Copy { sources, to, into, from, owner, mode, .. } = &made.steps[0] else { panic!("{:?}", made.steps) };
    assert_eq!(
        (sources.as_slice(), to.as_str(), into),
        (["a2".to_owned(), "b".to_owned()].as_slice(), "/opt/x", &true)
    );
    assert_eq!((from.as_deref(), *owner, *mode), (Some("dist"), (0, 0), None));
    let Step::Copy { to, into, from, .. } = &made.steps[1] else { panic!("{:?}", made.steps) };
    assert_eq!((to.as_str(), into, from), ("/w/rel", &false, &None));
    assert_eq!(made.steps[3], Step::Folder { path: "/opt/x/logs/new".to_owned(), owner: (185, 0) });
    assert_eq!(made.layer_text, "COPY --from=dist --link a$V b /opt/x/; COPY c.txt rel");
    let kept = recipe(&format!("{text}CMD [\"new\"]"), &[], base).unwrap();
    assert_eq!(kept.config["Cmd"], json!(["new"]));
    let file = Containerfile::parse("C", text.as_bytes()).unwrap();
    assert_eq!(file.distributions().into_iter().collect::<Vec<_>>(), ["dist"]);
    assert_eq!(file.arguments().into_iter().collect::<Vec<_>>(), ["BASE", "TARGETARCH", "V", "W"]);
}

#[test]
fn what_cannot_be_followed_is_refused_at_its_place() {
    let head = "FROM b:1\nCOPY a /b/\n";
    for (text, expected) in [
        ("RUN make", "C:3:1: RUN needs a container engine"),
        ("  run make", "C:3:3: RUN needs a container engine"),
        ("ADD https://x /y", "C:3:1: ADD is not supported"),
        ("FROM c", "C:3:1: second FROM"),
        ("HEALTHCHECK NONE", "C:3:1: HEALTHCHECK is not supported"),
        ("COPPY a /b", "did you mean `COPY`?"),
        ("ENV A 1", "C:3:5: ENV must be NAME=VALUE"),
        ("ENV 1A=1", "C:3:5: ENV must be NAME=VALUE"),
        ("ENV", "C:3:1: ENV needs NAME=VALUE"),
        ("LABEL a", "C:3:7: LABEL must be"),
        ("LABEL a='b", "C:3:1: unterminated quote"),
        ("ARG a-b=1", "C:3:5: invalid argument name `a-b`"),
        ("COPY /x", "C:3:1: COPY needs a source"),
        ("COPY --from=Dist a /b", "C:3:6: --from=Dist: expected the name"),
        ("COPY --exclude=x a /b", "C:3:6: COPY takes --from"),
        ("COPY a*.jar /b/", "C:3:6: patterns are not supported"),
        ("COPY <<EOF /b", "C:3:6: COPY takes plain paths"),
        ("COPY [\"a\", \"/b\"]", "C:3:6: COPY takes plain paths"),
        ("COPY ../a /b", "C:3:1: COPY `../a` leads outside"),
        ("COPY a /b/../../c", "C:3:1: `/b/../../c` is not a path"),
        ("COPY a b /c", "C:3:1: COPY of several files needs a folder"),
        ("COPY --chown=spark a /b", "C:3:1: --chown=spark: expected numbers"),
        ("COPY --chmod=4755 a /b", "C:3:1: --chmod=4755: expected an octal mode"),
        ("COPY --chmod=u+x a /b", "C:3:1: --chmod=u+x"),
        ("COPY $NO /b", "C:3:6: variable NO has no value"),
        ("EXPOSE 0", "C:3:1: EXPOSE `0`"),
        ("EXPOSE 80-90", "C:3:1: EXPOSE `80-90`"),
        ("EXPOSE", "C:3:1: EXPOSE needs a port"),
        ("USER a b", "C:3:1: USER takes one argument"),
        ("WORKDIR \"\"", "C:3:1: `` is not a path"),
        ("ENTRYPOINT /bin/x", "C:3:1: ENTRYPOINT must be a JSON list"),
        ("CMD [1]", "C:3:1: CMD must be a JSON list"),
    ] {
        let found = recipe(&format!("{head}{text}\n"), &[], json!({})).unwrap_err();
        assert!(found.contains(expected), "{text}: {found}");
    }
    for (text, expected) in [
        ("", "C:1:1: missing FROM"),
        ("FROM b\nUSER 1", "C:1:1: missing COPY"),
        ("COPY a /b/\nFROM b", "C:1:1: COPY before FROM"),
        ("FROM --platform=linux/amd64 b\nCOPY a /b/", "C:1:6: FROM does not support options"),
        ("FROM a b\nCOPY a /b/", "C:1:1: FROM needs exactly one image"),
        ("ARG X\nFROM $X\nCOPY a /b/", "C:2:6: variable X has no value"),
        ("FROM b\nARG X\nCOPY $X /b/", "C:3:6: variable X has no value"),
    ] {
        let found = recipe(text, &[], json!({})).unwrap_err();
        assert!(found.contains(expected), "{text}: {found}");
    }
    // All of them at once.
    let found = recipe("FROM b\nRUN x\nADD y /z\nCOPY a /b/\n", &[], json!({})).unwrap_err();
    assert_eq!(found.lines().count(), 2, "{found}");
    assert!(Containerfile::parse("C", b"FROM \xff").unwrap_err().to_string().contains("not UTF-8"));
    assert!(Containerfile::parse("C", &vec![b'#'; 2 << 20]).unwrap_err().to_string().contains("the limit is"));
}
