//! Values are what a real HDFS (3.4.1, 3.4.2) answered.

use proptest::prelude::*;

use super::*;

const MIB: u64 = 1 << 20;

fn layout(block_size: u64) -> Layout {
    Layout { block_size, ..Layout::default() }
}

/// The content that was uploaded to the real HDFS for the table below.
fn pattern(len: usize) -> Vec<u8> {
    (0..len as u64).map(|i| u8::try_from((i * i / 7 + i) & 255).unwrap()).collect()
}

fn checksum(data: &[u8], layout: Layout) -> FileChecksum {
    let mut hasher = Hasher::new(layout);
    hasher.update(data);
    hasher.finish()
}

fn answer(algorithm: &str, bytes: &str) -> Vec<u8> {
    format!(r#"{{"FileChecksum":{{"algorithm":"{algorithm}","bytes":"{bytes}","length":28}}}}"#).into_bytes()
}

#[test]
fn equals_what_hdfs_answers_for_one_and_many_blocks() {
    let table = [
        (1, "MD5-of-0MD5-of-512CRC32C", "000002000000000000000000dc236201841049096ad31b6213203a90"),
        (512, "MD5-of-0MD5-of-512CRC32C", "0000020000000000000000005555295941237bca37a22a08c9222cb8"),
        (513, "MD5-of-0MD5-of-512CRC32C", "0000020000000000000000003d9c50f4d7beaa0efa121d0aeb14923e"),
        (1_048_576, "MD5-of-0MD5-of-512CRC32C", "000002000000000000000000def6d7212a6ec9fd8d533b252f945d25"),
        (1_048_577, "MD5-of-2048MD5-of-512CRC32C", "000002000000000000000800f85a809425d906785aaa1afdd4fd0c38"),
        (2_097_152, "MD5-of-2048MD5-of-512CRC32C", "0000020000000000000008002335c98c89aaa07c4af4e8c657ae1822"),
        (2_097_153, "MD5-of-2048MD5-of-512CRC32C", "0000020000000000000008004a5e3bc56993f99ed421f96ef923623a"),
        (3_145_728, "MD5-of-2048MD5-of-512CRC32C", "000002000000000000000800c62d52ef3ff0aa4a4785ed7ff17b611b"),
        (5_000_000, "MD5-of-2048MD5-of-512CRC32C", "0000020000000000000008008b21d832d9c4dd654b92dbe35fe1c6e3"),
        (6_000_000, "MD5-of-2048MD5-of-512CRC32C", "000002000000000000000800a4856d0bdf8da0d0c10506499e27ed7d"),
    ];
    let data = pattern(6_000_000);
    for (len, algorithm, hex) in table {
        let ours = checksum(&data[..len], layout(MIB));
        assert_eq!((ours.algorithm().as_str(), ours.hex().as_str()), (algorithm, hex), "{len} bytes");
        assert_eq!(ours, FileChecksum::parse(&answer(algorithm, &format!("{hex}00000000"))).unwrap(), "{len} bytes");
    }
}

#[test]
fn an_empty_file_is_a_case_of_its_own() {
    let body = answer("MD5-of-0MD5-of-0CRC32", "00000000000000000000000070bc8f4b72a86921468bf8e8441dce5100000000");
    assert_eq!(checksum(b"", Layout::default()), FileChecksum::parse(&body).unwrap());
    // Whatever the layout of other files: it has no chunk that could show one.
    assert_eq!(
        checksum(b"", Layout { block_size: 7, bytes_per_crc: 3, kind: CrcKind::Crc32 }).hex()[24..],
        *"70bc8f4b72a86921468bf8e8441dce51"
    );
}

#[test]
fn one_block_is_padded_with_sixteen_zero_bytes() {
    let data = b"what HDFS digests is a Java buffer of 32 bytes, half of it empty";
    let mut block = Md5::new();
    block.update(crc32c::crc32c(data).to_be_bytes());
    let mut file = Md5::new();
    file.update(block.finalize());
    file.update([0; 16]);
    assert_eq!(checksum(data, Layout::default()).md5, <[u8; 16]>::from(file.finalize()));
}

#[test]
fn crc32_is_computed_where_the_site_chose_it() {
    let data = b"123456789";
    let mut block = Md5::new();
    block.update(0xCBF4_3926_u32.to_be_bytes());
    let mut file = Md5::new();
    file.update(block.finalize());
    file.update([0; 16]);
    let ours = checksum(data, Layout { kind: CrcKind::Crc32, ..Layout::default() });
    assert_eq!(ours.algorithm(), "MD5-of-0MD5-of-512CRC32");
    assert_eq!(ours.md5, <[u8; 16]>::from(file.finalize()));
}

#[test]
fn the_layout_is_read_from_the_answer() {
    let hex = "0000020000000000000400005788000000000000000000000000000000000000";
    let many = FileChecksum::parse(&answer("MD5-of-262144MD5-of-512CRC32C", hex)).unwrap();
    assert_eq!(many.layout(1), layout(128 * MIB));
    let one = checksum(b"x", Layout { bytes_per_crc: 4096, ..Layout::default() });
    assert_eq!(one.layout(64 * MIB), Layout { block_size: 64 * MIB, bytes_per_crc: 4096, kind: CrcKind::Crc32c });
}

#[test]
fn answers_that_do_not_hold_together_are_refused() {
    let good = "000002000000000000000000dc236201841049096ad31b6213203a9000000000";
    for (algorithm, bytes) in [
        ("COMPOSITE-CRC32C", good),
        ("MD5-of-0MD5-of-512CRC64", good),
        ("MD5-of-1MD5-of-512CRC32C", good),
        ("MD5-of-0MD5-of-1024CRC32C", good),
        ("MD5-of-0MD5-of-512CRC32C", "00000200"),
        ("MD5-of-0MD5-of-512CRC32C", "zz"),
    ] {
        assert!(FileChecksum::parse(&answer(algorithm, bytes)).is_err(), "{algorithm} {bytes}");
    }
    assert!(matches!(FileChecksum::parse(b"<html>"), Err(ChecksumError::Json(_))));
}

proptest! {
    /// However the bytes arrive, the value is that of the definition, written out without buffers.
    #[test]
    fn equals_the_definition_however_the_bytes_arrive(
        data in proptest::collection::vec(any::<u8>(), 0..5000),
        cuts in proptest::collection::vec(1_usize..700, 0..12),
        chunk in 1_u32..40,
        chunks_per_block in 1_u64..40,
    ) {
        let layout = Layout { block_size: chunks_per_block * u64::from(chunk), bytes_per_crc: chunk, kind: CrcKind::Crc32c };
        let mut hasher = Hasher::new(layout);
        let mut rest = data.as_slice();
        for cut in cuts {
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            hasher.update(head);
            rest = tail;
        }
        hasher.update(rest);
        let ours = hasher.finish();

        let mut buffer = Vec::new();
        for block in data.chunks(usize::try_from(layout.block_size).unwrap()) {
            let crcs: Vec<u8> =
                block.chunks(chunk as usize).flat_map(|c| crc32c::crc32c(c).to_be_bytes()).collect();
            buffer.extend_from_slice(&Md5::digest(&crcs));
        }
        let mut capacity = 32;
        while capacity < buffer.len() {
            capacity *= 2;
        }
        buffer.resize(capacity, 0);
        prop_assert_eq!(ours.md5, <[u8; 16]>::from(Md5::digest(&buffer)));
        prop_assert_eq!(FileChecksum::parse(&answer(&ours.algorithm(), &ours.hex())).unwrap(), ours);
    }

    #[test]
    fn parsing_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200), algorithm in ".{0,40}", bytes in "[0-9a-z]{0,70}") {
        let _ = FileChecksum::parse(&body);
        let _ = FileChecksum::parse(answer(&algorithm, &bytes).as_slice());
    }
}
