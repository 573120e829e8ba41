//! The machine itself: DMI, processor, memory, disks, network cards, firmware.
//!
//! Everything is read from `/sys` and `/proc`, where absence is normal (a
//! container, an ARM board without DMI); only fwupd is asked as a program, and
//! only where it is installed.

use crate::root::Root;
use crate::run;
use plimsoll_core::model::host::{Device, Hardware};
use plimsoll_core::model::problem::Problem;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::time::Duration;

/// Longest fwupd may take: it starts its daemon when that sleeps.
const FIRMWARE_TIMEOUT: Duration = Duration::from_secs(20);

/// Most devices listed of one class.
const DEVICES: usize = 1_000;

/// Reads the hardware of the live host.
pub fn read(root: &Root, problems: &mut Vec<Problem>) -> Hardware {
    let dmi = |name: &str| root.word(&format!("sys/class/dmi/id/{name}")).filter(|value| meaningful(value));
    let mut hardware = Hardware {
        vendor: dmi("sys_vendor"),
        product: dmi("product_name"),
        serial: dmi("product_serial"),
        firmware: match (dmi("bios_vendor"), dmi("bios_version")) {
            (Some(vendor), Some(version)) => Some(format!("{vendor} {version}")),
            (vendor, version) => vendor.or(version),
        },
        firmware_date: dmi("bios_date"),
        memory_kib: memory(root),
        processor_vulnerabilities: vulnerabilities(root),
        ..Hardware::default()
    };
    processor(root, &mut hardware);
    hardware.virtualisation = virtualisation(root, &hardware);
    hardware.devices.extend(disks(root));
    hardware.devices.extend(network(root));
    hardware.devices.extend(firmware(problems));
    hardware.devices.sort();
    hardware
}

/// Whether a DMI value says anything; vendors leave placeholders.
fn meaningful(value: &str) -> bool {
    let empty = ["to be filled by o.e.m.", "default string", "not specified", "none", "system serial number", "0", "n/a"];
    !empty.contains(&value.to_ascii_lowercase().as_str())
}

fn memory(root: &Root) -> Option<u64> {
    let text = root.head("proc/meminfo", 4096).ok()??;
    let text = String::from_utf8_lossy(&text);
    text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn processor(root: &Root, hardware: &mut Hardware) {
    // The file has 1.5 KB a processor; the first paragraphs say everything.
    let Ok(Some(bytes)) = root.read("proc/cpuinfo", 16 << 20) else { return };
    let text = String::from_utf8_lossy(&bytes);
    let mut count = 0u32;
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match name.trim() {
            "processor" => count += 1,
            "model name" | "Processor" | "cpu model" if hardware.processor.is_none() => {
                hardware.processor = Some(value.to_owned());
            }
            "microcode" if hardware.microcode.is_none() => hardware.microcode = Some(value.to_owned()),
            "hypervisor" => {}
            "flags" if hardware.virtualisation.is_none() && value.split(' ').any(|flag| flag == "hypervisor") => {
                hardware.virtualisation = Some("virtual machine".to_owned());
            }
            _ => {}
        }
    }
    hardware.processors = (count > 0).then_some(count);
}

/// What kind of virtual machine or container this is.
///
/// Source: the marks that systemd-detect-virt(1) reads.
fn virtualisation(root: &Root, hardware: &Hardware) -> Option<String> {
    if let Some(container) = root.word("run/systemd/container") {
        return Some(container);
    }
    if root.exists("run/.containerenv") {
        return Some("podman".to_owned());
    }
    if root.exists(".dockerenv") {
        return Some("docker".to_owned());
    }
    let marks = [
        ("KVM", "kvm"),
        ("QEMU", "qemu"),
        ("VMware", "vmware"),
        ("VirtualBox", "oracle"),
        ("innotek", "oracle"),
        ("Xen", "xen"),
        ("Bochs", "bochs"),
        ("Parallels", "parallels"),
        ("Microsoft Corporation Virtual", "microsoft"),
        ("Amazon EC2", "amazon"),
        ("Google Compute Engine", "google"),
        ("Hetzner", "kvm"),
    ];
    let stated = format!(
        "{} {} {}",
        hardware.vendor.as_deref().unwrap_or(""),
        hardware.product.as_deref().unwrap_or(""),
        hardware.firmware.as_deref().unwrap_or("")
    );
    marks
        .iter()
        .find(|(mark, _)| stated.contains(mark))
        .map(|(_, name)| (*name).to_owned())
        .or_else(|| root.word("sys/hypervisor/type"))
        .or_else(|| hardware.virtualisation.clone())
}

fn vulnerabilities(root: &Root) -> Vec<(String, String)> {
    const FOLDER: &str = "sys/devices/system/cpu/vulnerabilities";
    let names = root.list(FOLDER).unwrap_or_default();
    names.into_iter().filter_map(|name| Some((name.clone(), root.word(&format!("{FOLDER}/{name}"))?))).collect()
}

fn disks(root: &Root) -> Vec<Device> {
    let names = root.list("sys/block").unwrap_or_default();
    names
        .into_iter()
        .filter(|name| !["loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd"].iter().any(|prefix| name.starts_with(prefix)))
        .take(DEVICES)
        .map(|name| {
            let word = |file: &str| root.word(&format!("sys/block/{name}/{file}"));
            Device {
                class: "disk".to_owned(),
                vendor: word("device/vendor").filter(|vendor| vendor != "ATA"),
                model: word("device/model"),
                firmware: word("device/firmware_rev").or_else(|| word("device/rev")),
                // The kernel counts sectors of 512 bytes whatever the disk has.
                size: word("size").and_then(|sectors| sectors.parse::<u64>().ok()).map(|sectors| sectors.saturating_mul(512)),
                driver: driver(root, &format!("sys/block/{name}/device")),
                name,
                ..Device::default()
            }
        })
        .collect()
}

fn network(root: &Root) -> Vec<Device> {
    let names = root.list("sys/class/net").unwrap_or_default();
    names
        .into_iter()
        // Only a card of a bus has a device; bridges, tunnels and `lo` do not.
        .filter(|name| root.exists(&format!("sys/class/net/{name}/device")))
        .take(DEVICES)
        .map(|name| {
            let word = |file: &str| root.word(&format!("sys/class/net/{name}/device/{file}"));
            Device {
                class: "network".to_owned(),
                vendor: word("vendor"),
                model: word("device"),
                driver: driver(root, &format!("sys/class/net/{name}/device")),
                name,
                ..Device::default()
            }
        })
        .collect()
}

fn driver(root: &Root, device: &str) -> Option<String> {
    let target = root.link(&format!("{device}/driver"))?;
    target.rsplit('/').next().map(str::to_owned)
}

/// Devices that fwupd knows, with firmware offered for them.
fn firmware(problems: &mut Vec<Problem>) -> Vec<Device> {
    let Some(program) = run::find("fwupdmgr") else { return Vec::new() };
    let mut ask = |verb: &str| {
        let arguments = [verb, "--json", "--no-unreported-check", "--no-metadata-check"];
        match run::run(&program, arguments.map(OsStr::new), &[], FIRMWARE_TIMEOUT) {
            Ok(ran) => serde_json::from_str::<serde_json::Value>(&ran.output).ok(),
            Err(problem) => {
                problems.push(problem);
                None
            }
        }
    };
    let Some(known) = ask("get-devices") else { return Vec::new() };
    let offered = ask("get-updates").map(|value| newest(&value)).unwrap_or_default();
    devices(&known, &offered)
}

/// Newest release by device id, from `get-updates --json`.
fn newest(value: &serde_json::Value) -> BTreeMap<String, String> {
    let devices = value.get("Devices").and_then(|devices| devices.as_array()).map_or(&[][..], Vec::as_slice);
    devices
        .iter()
        .filter_map(|device| {
            let id = device.get("DeviceId")?.as_str()?;
            // fwupd lists the newest release first.
            let version = device.get("Releases")?.as_array()?.first()?.get("Version")?.as_str()?;
            Some((id.to_owned(), version.to_owned()))
        })
        .collect()
}

fn devices(value: &serde_json::Value, offered: &BTreeMap<String, String>) -> Vec<Device> {
    let devices = value.get("Devices").and_then(|devices| devices.as_array()).map_or(&[][..], Vec::as_slice);
    devices
        .iter()
        .take(DEVICES)
        .filter_map(|device| {
            let text = |key: &str| device.get(key).and_then(|value| value.as_str()).map(str::to_owned);
            let id = text("DeviceId")?;
            Some(Device {
                class: "firmware".to_owned(),
                vendor: text("Vendor"),
                model: text("Name"),
                firmware: text("Version"),
                firmware_available: offered.get(&id).cloned(),
                driver: text("Plugin"),
                name: id,
                size: None,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_read_from_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("sys/class/dmi/id/sys_vendor", "QEMU\n");
        write("sys/class/dmi/id/product_serial", "Not Specified\n");
        write("sys/class/dmi/id/bios_vendor", "SeaBIOS\n");
        write("sys/class/dmi/id/bios_version", "1.16.2\n");
        write("proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\n");
        write("proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU\nmicrocode\t: 0xa0\nflags : fpu hypervisor\n\nprocessor\t: 1\n");
        write("sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI\n");
        write("sys/block/sda/size", "2048\n");
        write("sys/block/sda/device/model", "Disk 1 \n");
        write("sys/block/loop0/size", "8\n");
        write("sys/class/net/lo/mtu", "65536\n");
        write("sys/class/net/eth0/device/vendor", "0x1af4\n");
        let root = Root::open(folder.path()).unwrap();
        let hardware = read(&root, &mut Vec::new());
        let wanted = Hardware {
            vendor: Some("QEMU".into()),
            firmware: Some("SeaBIOS 1.16.2".into()),
            processor: Some("Some CPU".into()),
            processors: Some(2),
            microcode: Some("0xa0".into()),
            memory_kib: Some(16384),
            virtualisation: Some("qemu".into()),
            processor_vulnerabilities: vec![("meltdown".into(), "Mitigation: PTI".into())],
            devices: hardware.devices.iter().filter(|device| device.class == "firmware").cloned().chain([]).collect(),
            ..Hardware::default()
        };
        let mut rest = hardware.clone();
        rest.devices.retain(|device| device.class == "firmware");
        assert_eq!(rest, wanted);
        let shown: Vec<_> = hardware.devices.iter().filter(|device| device.class != "firmware").cloned().collect();
        assert_eq!(
            shown,
            [
                Device { class: "disk".into(), name: "sda".into(), model: Some("Disk 1".into()), size: Some(1 << 20), ..Device::default() },
                Device { class: "network".into(), name: "eth0".into(), vendor: Some("0x1af4".into()), ..Device::default() },
            ]
        );
    }

    #[test]
    fn fwupd_devices_carry_what_is_offered() {
        let known = serde_json::json!({"Devices": [{"DeviceId": "a1", "Name": "SSD", "Vendor": "V", "Version": "1", "Plugin": "nvme"}, {"Name": "no id"}]});
        let offered = newest(&serde_json::json!({"Devices": [{"DeviceId": "a1", "Releases": [{"Version": "3"}, {"Version": "2"}]}]}));
        let read = devices(&known, &offered);
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].firmware_available.as_deref(), Some("3"));
    }
}
