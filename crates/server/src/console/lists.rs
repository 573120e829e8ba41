//! The **lists**: columns, filters and exports of each.

use super::query::{Column, Filter, ListForm};

const fn text(key: &'static str, title: &'static str) -> Column {
    Column { key, title, sortable: true, numeric: false }
}

const fn figure(key: &'static str, title: &'static str) -> Column {
    Column { key, title, sortable: true, numeric: true }
}

const fn plain(key: &'static str, title: &'static str) -> Column {
    Column { key, title, sortable: false, numeric: false }
}

const CONDITION: Filter = Filter {
    key: "condition",
    title: "Condition",
    choices: &[
        ("overdue", "overdue"),
        ("due-soon", "due soon"),
        ("unknown", "cannot tell"),
        ("in-time", "open, in time"),
        ("clear", "nothing open"),
    ],
};

const SEVERITY: Filter = Filter {
    key: "severity",
    title: "Severity",
    choices: &[
        ("critical", "critical"),
        ("high", "high"),
        ("medium", "medium"),
        ("low", "low"),
        ("none", "none"),
        ("unknown", "unknown"),
    ],
};

const DUE: Filter = Filter {
    key: "due",
    title: "Due",
    choices: &[
        ("overdue", "overdue"),
        ("soon", "due soon"),
        ("week", "within 7 days"),
        ("month", "within 30 days"),
        ("never", "no due date"),
    ],
};

const fn looked_up(key: &'static str, title: &'static str) -> Filter {
    Filter { key, title, choices: &[] }
}

/// Hosts.
pub const HOSTS: ListForm = ListForm {
    path: "/console/hosts",
    nouns: "hosts",
    columns: &[
        text("name", "Host"),
        text("condition", "Condition"),
        text("os", "System"),
        text("due", "Due next"),
        figure("overdue", "Overdue"),
        figure("findings", "Findings"),
        figure("updates", "Updates"),
        figure("coverage", "Judged"),
        text("seen", "Last seen"),
        text("owner", "Owner"),
    ],
    order: ("condition", false),
    filters: &[
        CONDITION,
        looked_up("group", "Group"),
        looked_up("os", "System"),
        looked_up("environment", "Environment"),
        looked_up("tier", "Criticality"),
        Filter {
            key: "exposure",
            title: "Exposure",
            choices: &[("open", "open"), ("controlled", "controlled"), ("small", "small"), ("(none)", "not said")],
        },
        looked_up("owner", "Owner"),
        Filter {
            key: "state",
            title: "State",
            choices: &[("active", "active"), ("pending", "pending"), ("retired", "retired")],
        },
        Filter {
            key: "is",
            title: "Only those that",
            choices: &[("silent", "have gone silent"), ("flagged", "are flagged"), ("reboot", "wait for a reboot")],
        },
    ],
    tallies: &[
        ("group", "group"),
        ("os", "system"),
        ("environment", "environment"),
        ("tier", "criticality"),
        ("exposure", "exposure"),
        ("owner", "owner"),
    ],
    text: "name, owner, label or version",
    exports: true,
};

/// Hosts of one group.
pub const GROUP_HOSTS: ListForm = ListForm {
    path: "/console/groups",
    nouns: "hosts",
    columns: &[
        text("name", "Host"),
        text("condition", "Condition"),
        text("os", "System"),
        text("due", "Due next"),
        figure("overdue", "Overdue"),
        figure("findings", "Findings"),
        text("owner", "Owner"),
    ],
    order: ("name", false),
    filters: &[CONDITION],
    tallies: &[],
    text: "name, owner or system",
    exports: true,
};

/// Findings, by advisory.
pub const FINDINGS: ListForm = ListForm {
    path: "/console/findings",
    nouns: "findings",
    columns: &[
        text("advisory", "Advisory"),
        text("severity", "Severity"),
        text("due", "Due next"),
        figure("hosts", "Hosts"),
        figure("overdue", "Overdue"),
        figure("offered", "Fix offered"),
        figure("epss", "EPSS"),
        text("first-seen", "First seen"),
    ],
    order: ("due", false),
    filters: &[
        SEVERITY,
        DUE,
        Filter {
            key: "exploited",
            title: "Exploited",
            choices: &[("yes", "known to be (KEV)"), ("ransomware", "by ransomware"), ("no", "not known to be")],
        },
        Filter {
            key: "fix",
            title: "Fix",
            choices: &[
                ("offered", "offered by a repository"),
                ("not-offered", "exists, not offered"),
                ("none", "does not exist"),
            ],
        },
        looked_up("group", "Group"),
        looked_up("package", "Package"),
    ],
    tallies: &[],
    text: "CVE, advisory, package or words",
    exports: true,
};

/// Hosts under one advisory.
pub const AFFECTED: ListForm = ListForm {
    path: "/console/advisories",
    nouns: "hosts",
    columns: &[
        text("name", "Host"),
        text("state", "State"),
        plain("action", "What to do"),
        text("package", "Package"),
        text("due", "Due"),
        text("owner", "Owner"),
    ],
    order: ("due", false),
    filters: &[
        Filter {
            key: "state",
            title: "State",
            choices: &[
                ("affected", "affected"),
                ("fixed", "fixed"),
                ("not-affected", "not affected"),
                ("unknown", "cannot tell"),
                ("unsupported", "out of support"),
            ],
        },
        looked_up("group", "Group"),
    ],
    tallies: &[],
    text: "host, package or owner",
    exports: true,
};

/// Updates, one for many hosts.
pub const PACKAGES: ListForm = ListForm {
    path: "/console/packages",
    nouns: "packages",
    columns: &[
        text("name", "Package"),
        text("candidate", "Update"),
        text("due", "Due next"),
        figure("hosts", "Hosts"),
        figure("held", "Held back"),
        figure("versions", "Versions"),
        plain("advisories", "Satisfies"),
    ],
    order: ("due", false),
    filters: &[
        Filter {
            key: "kind",
            title: "Kind",
            choices: &[("security", "security updates"), ("update", "any update"), ("all", "all installed packages")],
        },
        looked_up("stream", "Stream"),
        looked_up("group", "Group"),
    ],
    tallies: &[],
    text: "package",
    exports: true,
};

/// Hosts that have one package.
pub const PACKAGE_HOSTS: ListForm = ListForm {
    path: "/console/packages",
    nouns: "hosts",
    columns: &[
        text("name", "Host"),
        text("version", "Installed"),
        text("candidate", "Offered"),
        figure("findings", "Findings"),
        text("due", "Due"),
    ],
    order: ("version", false),
    filters: &[looked_up("version", "Installed"), looked_up("group", "Group")],
    tallies: &[],
    text: "host",
    exports: true,
};

/// Applications.
pub const APPLICATIONS: ListForm = ListForm {
    path: "/console/applications",
    nouns: "applications",
    columns: &[
        text("name", "Application"),
        text("condition", "Condition"),
        text("due", "Due next"),
        figure("overdue", "Overdue"),
        figure("findings", "Findings"),
        figure("hosts", "Hosts"),
        figure("components", "Components"),
        text("team", "Team"),
        text("owner", "Owner"),
    ],
    order: ("name", false),
    filters: &[CONDITION, looked_up("team", "Team"), looked_up("owner", "Owner")],
    tallies: &[],
    text: "application, team or owner",
    exports: true,
};

/// Evidence.
pub const ACTIVITY: ListForm = ListForm {
    path: "/console/activity",
    nouns: "entries",
    columns: &[
        text("time", "When"),
        plain("actor", "Who"),
        plain("verb", "What"),
        plain("object", "To what"),
        plain("reason", "Why"),
        plain("index", "Leaf"),
    ],
    order: ("time", true),
    filters: &[looked_up("actor", "Who"), looked_up("verb", "What")],
    tallies: &[],
    text: "object, person or reason",
    exports: true,
};
