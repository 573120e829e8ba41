//! What was changed: artefacts, way back, steps.

use crate::words::count;
use crate::model::{Align, Block, Document, Kind, Table};
use crate::text::{Style, Text};
use plimsoll_core::model::deployment_package::{Step, StreamPlan, Target};
use plimsoll_core::phases::document::Record;

/// The plan of every stream.
pub fn changed(record: &Record, document: &mut Document) {
    document.heading(1, "What");
    for (stream, plan) in &record.content.streams {
        document.heading(2, format!("On {stream}"));
        if !plan.install.is_empty() {
            artefacts(&plan.install, document);
        }
        if !plan.remove.is_empty() {
            let names: Vec<String> = plan.remove.iter().map(|removal| format!("{} {}", removal.name, removal.arch)).collect();
            document.paragraph(Text::from("May be removed: ").and(Style::Code, names.join(", ")));
        }
        way_back(plan, document);
        if !plan.steps.is_empty() {
            document.push(Block::List { numbered: true, items: plan.steps.iter().map(step).collect() });
        }
    }
}

fn artefacts(targets: &[Target], document: &mut Document) {
    let mut table = Table::new()
        .column("Package", Align::Left, 4)
        .column("Version", Align::Left, 4)
        .column("SHA-256 of the file", Align::Left, 7)
        .column("Bytes", Align::Right, 2)
        .column("From", Align::Left, 4);
    for target in targets {
        let mut name = Text::styled(Style::Strong, &target.name).and(Style::Soft, format!(" {}", target.arch));
        if target.new {
            name = name.and(Style::Warning, " new");
        }
        table.row(vec![name, Text::code(&target.version), Text::code(&target.sha256), target.size.to_string().into(), Text::from(&target.repository)]);
    }
    document.push(Block::Table(table));
}

fn way_back(plan: &StreamPlan, document: &mut Document) {
    if !plan.way_back.is_empty() {
        let former: Vec<String> = plan.way_back.iter().map(|target| format!("{} {}", target.name, target.version)).collect();
        let told = format!("Way back, staged before the first effect ({}): ", count(former.len() as u64, "file", "files"));
        document.paragraph(Text::from(told).and(Style::Code, former.join(", ")));
    }
    for lost in &plan.no_way_back {
        document.note(Kind::Warning, Text::from("no way back for ").and(Style::Strong, &lost.name).plain(format!(": {}", lost.reason)));
    }
}

fn step(step: &Step) -> Text {
    match step {
        Step::File { path, sha256, mode, .. } => Text::from("file ").and(Style::Code, path).plain(" has the bytes ").and(Style::Code, sha256).plain(format!(", mode {mode}")),
        Step::Setting { path, key, separator, value } => Text::from("setting in ").and(Style::Code, path).plain(": ").and(Style::Code, format!("{key}{separator}{value}")),
        Step::Service { unit, state } => Text::from("service ").and(Style::Code, unit).plain(format!(" is to be {}", service(*state))),
        Step::CleanUp { .. } => Text::from(step.to_string()),
    }
}

fn service(state: plimsoll_core::model::deployment_package::ServiceState) -> &'static str {
    use plimsoll_core::model::deployment_package::ServiceState;
    match state {
        ServiceState::Enabled => "running now and after a boot",
        ServiceState::Disabled => "stopped now and after a boot",
        ServiceState::Restarted => "started again",
        ServiceState::Reloaded => "asked to read its configuration again",
    }
}
