//! The archive of offline bundles: written, resumed, split, read in place, refused where it is not sound.

#[path = "bundle_archive/fixture.rs"]
mod fixture;
#[path = "bundle_archive/hostile.rs"]
mod hostile;
#[path = "bundle_archive/program.rs"]
mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fixture::{Fault, Site, made, request, resolved};
use tokio::io::AsyncReadExt as _;
use windlass::driver::bundle::{
    Base, Bundle, BundleError, BundleRequest, CreateError, LayoutWriteError, Target, Union, create, extract, join,
    lock_of, plan, sboms, split, verify, verify_while,
};
use windlass::driver::image_source::{ImageSource as _, Reference};
use windlass::driver::layouts::Layouts;
use windlass::model::images_lock::LockMode;
use windlass::model::oci::Digest;

fn target(path: &Path) -> Target {
    Target { path: path.to_owned(), split: None, restart: false }
}

fn silent(_: u64, _: u64) {}

fn open(path: &Path) -> Result<Bundle, BundleError> {
    Bundle::open(&[path.to_owned()])
}

#[tokio::test]
async fn equal_inputs_give_equal_bytes_and_others_read_them() {
    let site = Site::new();
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.tar"), folder.path().join("b.tar"));
    let plan_a = made(&site, &a).await;
    made(&site, &b).await;
    let bytes = std::fs::read(&a).unwrap();
    assert!(bytes == std::fs::read(&b).unwrap());
    assert_eq!(bytes.len() as u64, plan_a.total);
    // By another reader: order, names, and that each blob is what its name says.
    let mut archive = tar::Archive::new(bytes.as_slice());
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        if let Some(hex) = name.strip_prefix("blobs/sha256/") {
            assert_eq!(Digest::of(&content).hex(), hex);
        }
        names.push(name);
    }
    assert_eq!(names[..3], ["images.lock", "oci-layout", "index.json"]);
    assert!(names[3..].is_sorted() && names.len() == 3 + plan_a.lock.bundle.as_ref().unwrap().blobs.len());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    let again = create(&site, &plan_a, &target(&a), &silent).await;
    assert!(matches!(again, Err(CreateError::Exists(_))));
}

#[tokio::test]
async fn a_bundle_is_a_source_of_its_images() {
    let site = Site::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    made(&site, &path).await;
    let bundle = open(&path).unwrap();
    assert_eq!(verify(&bundle, &|_| ()).unwrap().blobs, bundle.about().blobs.len());
    for (name, image) in &bundle.lock().images {
        let image = image.resolved.as_ref().unwrap();
        let (repository, tag) = name.rsplit_once(':').unwrap();
        let found = bundle.manifest(image.digest).unwrap();
        let reference = Reference::Tag(tag.to_owned());
        // The bundle's own method of that name takes a digest.
        let asked = windlass::driver::image_source::ImageSource::manifest(&bundle, repository, &reference);
        assert_eq!(asked.await.unwrap().unwrap(), found);
        for blob in found.blobs() {
            let mut bytes = Vec::new();
            bundle.blob(repository, blob, 1).await.unwrap().read_to_end(&mut bytes).await.unwrap();
            assert!(bytes == site.blobs[&blob.digest][1..]);
        }
    }
    // What is resolved from the bundle is what was resolved from the registry.
    assert_eq!(resolved(bundle.lock().clone(), &bundle).await.images, bundle.lock().images);
    assert!(bundle.blob("", &fixture::descriptor("x", b"none"), 0).await.is_err());
    let multi = bundle.lock().images["docker.io/x/multi:1"].resolved.clone().unwrap();
    assert_eq!((multi.mode, multi.attached.len()), (LockMode::Index, 2));
    let found = sboms(&bundle, "docker.io/x/multi:1").unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].document["spdxVersion"], "SPDX-2.3");
}

/// A read that is stopped reports neither that all is right nor that something is wrong.
#[tokio::test]
async fn the_reading_of_every_byte_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    made(&Site::large(), &path).await;
    let bundle = open(&path).unwrap();
    let read = std::sync::atomic::AtomicU64::new(0);
    let stopped = verify_while(&bundle, &|bytes| read.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed) < 8 << 20);
    assert_eq!(stopped.unwrap(), None);
    let (read, all) = (read.into_inner(), bundle.about().blobs.values().sum::<u64>());
    assert!(read < all / 2, "{read} of {all} bytes were read");
    assert_eq!(verify_while(&bundle, &|_| true).unwrap().unwrap().bytes, all);
}

/// Dropped at any moment, as by kill -9: what was noted as finished is not fetched again, and a large blob resumes inside.
#[tokio::test]
async fn an_interrupted_one_resumes_and_fetches_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.tar");
    let site = Site::large();
    made(&site, &whole).await;
    let path = folder.path().join("a.tar");
    let large = site.largest();
    site.fault(large, Fault::HangAt(40 << 20));
    let planned = plan(&site, request(&site).await).await.unwrap();
    site.asked.lock().unwrap().clear();
    let there = target(&path);
    let run = tokio::time::timeout(Duration::from_secs(20), create(&site, &planned, &there, &silent));
    assert!(run.await.is_err(), "it hangs, and is dropped");
    assert!(!path.exists() && folder.path().join("a.tar.partial").exists());
    site.heal();
    let first: BTreeSet<Digest> = site.asked.lock().unwrap().drain(..).map(|(digest, _)| digest).collect();
    // Others may not take it, nor may another lock.
    let mut other = request(&site).await;
    other.windlass = "9".to_owned();
    let other = plan(&site, other).await.unwrap();
    assert!(matches!(create(&site, &other, &there, &silent).await, Err(CreateError::OtherPartial(_))));
    site.asked.lock().unwrap().clear();
    let left = planned.fetch_left(&there);
    assert!(planned.fetch - left >= 32 << 20 && left > 0, "{left} of {}", planned.fetch);
    let most = std::sync::Mutex::new((0, 0));
    let forward = |done: u64, resumed: u64| {
        let mut most = most.lock().unwrap();
        assert!(done >= most.0 && done <= planned.blobs, "progress goes forward: {done} after {most:?}");
        assert!(resumed >= most.1 && resumed <= done, "{resumed} after {most:?}");
        *most = (done, resumed);
    };
    let created = create(&site, &planned, &there, &forward).await.unwrap();
    assert!(std::fs::read(&path).unwrap() == std::fs::read(&whole).unwrap());
    assert_eq!(*most.lock().unwrap(), (planned.blobs, created.resumed));
    let second: BTreeMap<Digest, u64> = site.asked.lock().unwrap().drain(..).collect();
    for digest in first.iter().filter(|digest| **digest != large) {
        assert!(!second.contains_key(digest), "{digest} was fetched before");
    }
    assert_eq!(second.get(&large), Some(&(32 << 20)), "from its last note on");
    assert!(created.resumed >= 32 << 20);
    // The same once more with what lies on the disk changed: it is noticed, and fetched from the beginning.
    let path = folder.path().join("b.tar");
    site.fault(large, Fault::HangAt(40 << 20));
    let there = target(&path);
    let run = tokio::time::timeout(Duration::from_secs(20), create(&site, &planned, &there, &silent));
    assert!(run.await.is_err());
    site.heal();
    let partial = folder.path().join("b.tar.partial");
    let (at, _) = open(&whole).unwrap().place(large).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&partial).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"changed", at + 5).unwrap();
    create(&site, &planned, &there, &silent).await.unwrap();
    assert!(std::fs::read(&path).unwrap() == std::fs::read(&whole).unwrap());
    // Of other inputs, but with a restart.
    std::fs::remove_file(&path).unwrap();
    site.fault(large, Fault::HangAt(0));
    assert!(tokio::time::timeout(Duration::from_secs(2), create(&site, &other, &there, &silent)).await.is_err());
    site.heal();
    create(&site, &planned, &Target { restart: true, ..there }, &silent).await.unwrap();
    assert!(std::fs::read(&path).unwrap() == std::fs::read(&whole).unwrap());
}

/// A registry may ask for minutes of patience, which whoever asks it knows.
#[tokio::test(start_paused = true)]
async fn a_source_that_takes_its_time_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new();
    let planned = plan(&site, request(&site).await).await.unwrap();
    site.fault(site.largest(), Fault::Late(Duration::from_secs(300)));
    site.asked.lock().unwrap().clear();
    let path = folder.path().join("late.tar");
    create(&site, &planned, &target(&path), &silent).await.unwrap();
    let asked = site.asked.lock().unwrap().iter().filter(|(digest, _)| *digest == site.largest()).count();
    assert_eq!(asked, 1, "it is asked for once");
    verify(&open(&path).unwrap(), &|_| ()).unwrap();
}

#[tokio::test]
async fn a_wrong_blob_is_refused_by_name_and_a_broken_connection_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new();
    let blob = site.largest();
    for (number, fault) in [Fault::Changed, Fault::Longer].into_iter().enumerate() {
        site.fault(blob, fault);
        let planned = plan(&site, request(&site).await).await.unwrap();
        let path = folder.path().join(format!("{number}.tar"));
        let error = create(&site, &planned, &target(&path), &silent).await.unwrap_err();
        assert!(error.to_string().contains(&blob.to_string()), "{error}");
        assert!(matches!(error, CreateError::Bundle(BundleError::Blob { .. })), "{error:?}");
        assert!(!path.exists());
        site.heal();
        create(&site, &planned, &target(&path), &silent).await.unwrap();
        verify(&open(&path).unwrap(), &|_| ()).unwrap();
    }
    // Cut twice, each time further on; it goes on where it was.
    site.fault(blob, Fault::CutAt(vec![1_000_000, 2_000_000]));
    let planned = plan(&site, request(&site).await).await.unwrap();
    site.asked.lock().unwrap().clear();
    let path = folder.path().join("cut.tar");
    create(&site, &planned, &target(&path), &silent).await.unwrap();
    let offsets: Vec<_> =
        site.asked.lock().unwrap().iter().filter(|(digest, _)| *digest == blob).map(|(_, offset)| *offset).collect();
    assert_eq!(offsets, [0, 1_000_000, 2_000_000]);
    verify(&open(&path).unwrap(), &|_| ()).unwrap();
}

#[tokio::test]
async fn too_little_room_and_unresolved_images_end_it_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new();
    let mut planned = plan(&site, request(&site).await).await.unwrap();
    planned.total = 1 << 60;
    let error = create(&site, &planned, &target(&folder.path().join("a.tar")), &silent).await.unwrap_err();
    assert!(matches!(error, CreateError::Space { needed, free, .. } if needed > free), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let mut unresolved = request(&site).await;
    unresolved.lock.images.values_mut().for_each(|image| image.resolved = None);
    let error = plan(&site, unresolved).await.err().unwrap().to_string();
    for part in ["docker.io/x/multi:1, docker.io/x/one:2;", "`windlass lock --from REGISTRY`", "--layout"] {
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn parts_are_written_directly_and_read_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new();
    let whole = folder.path().join("whole.tar");
    let planned = made(&site, &whole).await;
    let bytes = std::fs::read(&whole).unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    std::fs::create_dir_all(&b).unwrap();
    let there = Target { split: Some(1 << 20), ..target(&a.join("p.tar")) };
    let created = create(&site, &planned, &there, &silent).await.unwrap();
    assert!(created.files.len() > 2);
    for (file, slice) in created.files.iter().zip(bytes.chunks(1 << 20)) {
        assert!(std::fs::read(file).unwrap() == slice);
    }
    let sums = std::process::Command::new("sha256sum").arg("-c").arg("p.tar.sha256").current_dir(&a).status();
    assert!(sums.unwrap().success());
    assert_eq!(std::fs::read_dir(&a).unwrap().count(), created.files.len() + 1, "nothing else is left");
    // Cut afterwards, the same; put together, the whole.
    let later = split(&open(&whole).unwrap(), &folder.path().join("later/p.tar"), 1 << 20, &|_| true).unwrap();
    for (one, other) in created.files.iter().chain(&created.sums).zip(later.files.iter().chain(&later.sums)) {
        assert!(std::fs::read(one).unwrap() == std::fs::read(other).unwrap());
    }
    let rename = |name: &str, to: &Path| std::fs::rename(a.join(name), to).unwrap();
    rename("p.tar.002", &b.join("P.TAR.002"));
    let both = [a.clone(), b.clone()];
    let bundle = Bundle::open(&both).unwrap();
    verify(&bundle, &|_| ()).unwrap();
    join(&bundle, &folder.path().join("joined.tar"), &|_| true).unwrap();
    assert!(std::fs::read(folder.path().join("joined.tar")).unwrap() == bytes);
    drop(bundle);
    let said = |given: &[PathBuf]| match Bundle::open(given) {
        Ok(bundle) => verify(&bundle, &|_| ()).unwrap_err()[0].to_string(),
        Err(error) => error.to_string(),
    };
    assert!(said(std::slice::from_ref(&a)).contains("part 002 of p.tar is missing"));
    // Swapped.
    rename("p.tar.003", &b.join("three"));
    std::fs::rename(b.join("P.TAR.002"), a.join("p.tar.003")).unwrap();
    std::fs::rename(b.join("three"), b.join("p.tar.002")).unwrap();
    let text = said(&both);
    assert!(text.contains("p.tar.002") || text.contains("p.tar.003"), "{text}");
    std::fs::rename(b.join("p.tar.002"), b.join("three")).unwrap();
    rename("p.tar.003", &b.join("p.tar.002"));
    std::fs::rename(b.join("three"), a.join("p.tar.003")).unwrap();
    verify(&Bundle::open(&both).unwrap(), &|_| ()).unwrap();
    // One more, one cut short, one without its end.
    let count = created.files.len();
    std::fs::write(a.join(format!("p.tar.{:03}", count + 1)), "x").unwrap();
    assert!(said(&both).contains("and the first part") || said(&both).contains("after the end"), "{}", said(&both));
    std::fs::remove_file(a.join(format!("p.tar.{:03}", count + 1))).unwrap();
    let last = a.join(format!("p.tar.{count:03}"));
    let end = std::fs::read(&last).unwrap();
    std::fs::write(&last, &end[..end.len() - 1]).unwrap();
    assert!(said(&both).contains("truncated"), "{}", said(&both));
    std::fs::remove_file(&last).unwrap();
    assert!(said(&both).contains(&format!("part {count:03} and later ones may be missing")), "{}", said(&both));
    // Of another run in the folder where parts are to go.
    let error = create(&site, &planned, &Target { split: Some(2 << 20), ..target(&a.join("p.tar")) }, &silent).await;
    assert!(matches!(error, Err(CreateError::Exists(_) | CreateError::OtherPart(_))), "{error:?}");
    let error = create(&site, &planned, &Target { split: Some(1 << 20), ..target(&a.join("P_.tar")) }, &silent).await;
    assert!(matches!(error, Err(CreateError::Name(_))), "{error:?}");
}

/// Names of what is in a folder.
fn names_in(folder: &Path) -> BTreeSet<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

/// Stopped, killed or failed, they leave nothing that takes room from the next one.
#[tokio::test]
async fn what_is_cut_or_joined_is_there_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.tar");
    made(&Site::new(), &path).await;
    let bundle = open(&path).unwrap();
    let parts = folder.path().join("parts");
    let target = parts.join("p.tar");
    std::fs::create_dir(&parts).unwrap();
    let cut = |progress: &dyn Fn(u64) -> bool| split(&bundle, &target, 1 << 20, progress);
    let left = std::cell::Cell::new(3);
    let stopped = cut(&|_| left.replace(left.get() - 1) > 1);
    assert!(matches!(stopped, Err(CreateError::Stopped)), "{stopped:?}");
    assert!(names_in(&parts).is_empty(), "{:?}", names_in(&parts));
    // In the middle of it, and at its end.
    for in_the_way in ["p.tar.002.partial", "p.tar.sha256.partial"] {
        std::fs::create_dir(parts.join(in_the_way)).unwrap();
        assert!(matches!(cut(&|_| true), Err(CreateError::Layout(LayoutWriteError::Io { .. }))));
        assert_eq!(names_in(&parts), [in_the_way.to_owned()].into());
        std::fs::remove_dir(parts.join(in_the_way)).unwrap();
    }
    // What a killed one left, which had more parts.
    for name in ["p.tar.001.partial", "p.tar.009.partial", "p.tar.partial", "p.tar.sha256.partial", "other.tar.partial"]
    {
        std::fs::write(parts.join(name), "left").unwrap();
    }
    let made = cut(&|_| true).unwrap();
    let mut expected: BTreeSet<String> = ["other.tar.partial".to_owned(), "p.tar.sha256".to_owned()].into();
    expected.extend(made.files.iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()));
    assert_eq!(names_in(&parts), expected);
    let joined = folder.path().join("j/joined.tar");
    let found = Bundle::open(std::slice::from_ref(&parts)).unwrap();
    assert!(matches!(join(&found, &joined, &|_| false), Err(CreateError::Stopped)));
    assert!(names_in(joined.parent().unwrap()).is_empty());
    // What `create` would resume is not taken for such a rest.
    std::fs::write(folder.path().join("j/joined.tar.partial"), "fetched").unwrap();
    std::fs::write(folder.path().join("j/joined.tar.partial.journal"), "").unwrap();
    assert!(matches!(join(&found, &joined, &|_| true), Err(CreateError::Unfinished(_))));
    assert_eq!(std::fs::read(folder.path().join("j/joined.tar.partial")).unwrap(), b"fetched");
}

#[tokio::test]
async fn a_difference_and_its_base_are_what_one_create_gives() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new();
    let (base, update, full) =
        (folder.path().join("base.tar"), folder.path().join("update.tar"), folder.path().join("full.tar"));
    let mut older = request(&site).await;
    older.lock.images.remove("docker.io/x/one:2");
    let older = plan(&site, older).await.unwrap();
    create(&site, &older, &target(&base), &silent).await.unwrap();
    made(&site, &full).await;
    let (lock, digest) = lock_of(&base).unwrap();
    let mut newer = request(&site).await;
    newer.base = Some(Base::of(&lock, digest, "base").unwrap());
    let newer = plan(&site, newer).await.unwrap();
    assert!(newer.total < std::fs::metadata(&full).unwrap().len());
    create(&site, &newer, &target(&update), &silent).await.unwrap();
    let (base, update) = (open(&base).unwrap(), open(&update).unwrap());
    verify(&update, &|_| ()).unwrap();
    // Nothing of an image twice; charts, files and programs are read from it without its base.
    let twice: BTreeSet<Digest> =
        base.about().blobs.keys().filter(|digest| update.about().blobs.contains_key(digest)).copied().collect();
    let lock = update.lock();
    let folders = [&lock.charts, &lock.files].into_iter().flat_map(|all| all.values());
    let folders = folders.map(|one| one.digest.parse::<Digest>().unwrap());
    let programs = lock.programs.values().flat_map(|program| program.platforms.values()).map(|file| file.digest);
    let whole: BTreeSet<Digest> = folders.chain(programs).collect();
    assert!(whole.len() == 3 && twice == whole, "{twice:?} {whole:?}");
    for digest in whole {
        assert!(update.small(digest, 1 << 20).unwrap() == base.small(digest, 1 << 20).unwrap());
    }
    let multi = update.lock().images["docker.io/x/multi:1"].resolved.clone().unwrap();
    let missing = update.manifest(multi.digest).unwrap_err().to_string();
    assert!(missing.contains(&digest.to_string()) && missing.contains("join"), "{missing}");
    assert!(matches!(Base::of(update.lock(), digest, "x"), Err(CreateError::BaseIsDifference(_))));
    let about = update.about().clone();
    let request = BundleRequest {
        lock: update.lock().clone(),
        windlass: about.windlass,
        platforms: about.platforms,
        components: about.components,
        charts: BTreeMap::new(),
        files: BTreeMap::new(),
        programs: BTreeMap::new(),
        base: None,
        signer: None,
    };
    let source = Union::new(vec![&update, &base]);
    let joined = folder.path().join("joined.tar");
    let planned = plan(&source, request).await.unwrap();
    create(&source, &planned, &target(&joined), &silent).await.unwrap();
    assert!(std::fs::read(&joined).unwrap() == std::fs::read(&full).unwrap());
}

#[tokio::test]
async fn what_is_extracted_is_a_layout_with_the_same_digests() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new();
    let path = folder.path().join("a.tar");
    made(&site, &path).await;
    let bundle = open(&path).unwrap();
    let all: BTreeSet<String> = bundle.lock().images.keys().cloned().collect();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    extract(&bundle, &all, &one, &|_, _| true).unwrap();
    extract(&bundle, &all, &two, &|_, _| true).unwrap();
    let same = std::process::Command::new("diff").arg("-r").args([&one, &two]).status();
    assert!(same.unwrap().success());
    let again = extract(&bundle, &all, &one, &|_, _| true);
    assert!(matches!(again, Err(CreateError::Layout(LayoutWriteError::Exists(_)))));
    // Progress is of what is extracted, and who wants no more finds nothing.
    let single: BTreeSet<String> = ["docker.io/x/one:2".to_owned()].into();
    let seen = std::cell::Cell::new((0, 0));
    let count = |bytes: u64, of: u64| {
        seen.set((seen.get().0 + bytes, of));
        true
    };
    let bytes = extract(&bundle, &single, &folder.path().join("single"), &count).unwrap();
    assert_eq!(seen.get(), (bytes, bytes));
    let stopped = extract(&bundle, &all, &folder.path().join("stopped"), &|_, _| false);
    assert!(matches!(stopped, Err(CreateError::Stopped)), "{stopped:?}");
    assert!(!folder.path().join("stopped").exists() && !folder.path().join("stopped.partial").exists());
    let mut layouts = Layouts::default();
    layouts.add(&one, None).unwrap();
    for (name, image) in &bundle.lock().images {
        let (repository, tag) = name.rsplit_once(':').unwrap();
        let found = layouts.manifest(repository, &Reference::Tag(tag.to_owned())).await.unwrap().unwrap();
        assert_eq!(found.digest, image.resolved.as_ref().unwrap().digest);
    }
    // The bundle itself is an archive of that kind, too.
    let mut layouts = Layouts::default();
    layouts.add(&path, None).unwrap();
    assert_eq!(layouts.names().map(str::to_owned).collect::<BTreeSet<_>>(), all);
}
