//! Writing a repository that dnf installs from: `primary.xml` and `repomd.xml`.

use crate::protocol::digest;
use jiff::Timestamp;

/// Writes `primary.xml` of packages as [`super::moved`] gives them.
pub fn primary<'a>(elements: impl ExactSizeIterator<Item = &'a str>) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xmlns=\"http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"{}\">\n",
        elements.len()
    );
    for element in elements {
        out.push_str(element);
        out.push('\n');
    }
    out.push_str("</metadata>\n");
    out
}

/// Writes `repomd.xml` over files of metadata: type, path, bytes as they lie
/// there.
pub fn repomd(files: &[(&str, &str, &[u8])], made: Timestamp) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\n  <revision>{}</revision>\n",
        made.as_second()
    );
    for (kind, path, bytes) in files {
        out.push_str(&format!(
            "  <data type=\"{}\">\n    <checksum type=\"sha256\">{}</checksum>\n    <location href=\"{}\"/>\n    <timestamp>{}</timestamp>\n    <size>{}</size>\n  </data>\n",
            quick_xml::escape::escape(*kind),
            digest(bytes),
            quick_xml::escape::escape(*path),
            made.as_second(),
            bytes.len()
        ));
    }
    out.push_str("</repomd>\n");
    out
}
