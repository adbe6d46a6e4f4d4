//! The modules of the classic program: a Manager's form shows their parameters in the order of `--list-modules`.

use std::path::Path;

use gatherer_tests::{PluginFolder, Run};
use serde_json::Value;

/// A module of the classic program, or of a newer branch of it.
struct ClassicModule {
    /// The name of the plugin.
    plugin: &'static str,
    name: &'static str,
    /// The parameters in the order of a Manager's form, with their defaults in JSON.
    parameters: &'static [(&'static str, &'static str)],
    /// Those without which an endpoint fails.
    required: &'static [&'static str],
}

const CLASSIC_MODULES: [ClassicModule; 11] = [
    ClassicModule {
        plugin: "ec2",
        name: "AmazonEC2",
        parameters: &[
            ("access_key_id", "\"\""),
            ("secret_access_key", "\"\""),
            ("region", "\"\""),
            ("zone", "\"\""),
        ],
        required: &["region"],
    },
    // Either the secret or a certificate is required.
    ClassicModule {
        plugin: "azure",
        name: "Azure",
        parameters: &[
            ("subscription_id", "\"\""),
            ("application_id", "\"\""),
            ("tenant_id", "\"\""),
            ("secret_key", "\"\""),
            ("zone", "\"\""),
        ],
        required: &["subscription_id", "application_id", "tenant_id"],
    },
    ClassicModule {
        plugin: "file",
        name: "File",
        parameters: &[("url", "\"\"")],
        required: &["url"],
    },
    // The JSON file in cert_path names the account.
    ClassicModule {
        plugin: "gce",
        name: "GoogleCE",
        parameters: &[
            ("service_account_email", "\"\""),
            ("cert_path", "\"\""),
            ("project_id", "\"\""),
            ("zone", "\"\""),
        ],
        required: &["cert_path", "project_id"],
    },
    ClassicModule {
        plugin: "kubernetes",
        name: "Kubernetes",
        parameters: &[("kubeconfig", "\"\""), ("context", "\"\"")],
        required: &["kubeconfig"],
    },
    ClassicModule {
        plugin: "libvirt",
        name: "Libvirt",
        parameters: &[("uri", "\"\""), ("sasl_username", "null"), ("sasl_password", "null")],
        required: &["uri"],
    },
    ClassicModule {
        plugin: "nutanix",
        name: "NutanixAHV",
        parameters: &[
            ("hostname", "\"\""),
            ("port", "9440"),
            ("username", "\"\""),
            ("password", "\"\""),
        ],
        required: &["hostname", "username", "password"],
    },
    // Either a user and a password or a token is required.
    ClassicModule {
        plugin: "proxmox",
        name: "Proxmox",
        parameters: &[
            ("host", "null"),
            ("port", "8006"),
            ("username", "null"),
            ("password", "null"),
            ("api_token_id", "null"),
            ("api_token_secret", "null"),
            ("verify_ssl", "null"),
        ],
        required: &["host"],
    },
    ClassicModule {
        plugin: "openstack",
        name: "SUSECloud",
        parameters: &[
            ("hostname", "\"\""),
            ("port", "5000"),
            ("username", "\"\""),
            ("password", "\"\""),
            ("protocol", "\"https\""),
            ("tenant", "\"openstack\""),
        ],
        required: &["hostname", "username", "password"],
    },
    ClassicModule {
        plugin: "vmware",
        name: "VMware",
        parameters: &[
            ("hostname", "\"\""),
            ("port", "443"),
            ("username", "\"\""),
            ("password", "\"\""),
        ],
        required: &["hostname", "username", "password"],
    },
    ClassicModule {
        plugin: "xen",
        name: "Xen",
        parameters: &[
            ("hostname", "\"\""),
            ("port", "\"443\""),
            ("username", "\"\""),
            ("password", "\"\""),
        ],
        required: &["hostname", "username", "password"],
    },
];

#[test]
fn the_classic_modules_have_the_classic_parameters() {
    let plugins = PluginFolder::with(&CLASSIC_MODULES.map(|module| module.plugin));
    let outcome = Run::new().arg("--list-modules").plugins(plugins.path()).run().expect_code(0);
    let modules = CLASSIC_MODULES.map(|module| {
        let module_itself = format!("        \"module\": \"{}\"", module.name);
        let parameters = module.parameters.iter();
        let parameters = parameters.map(|(name, default)| format!("        \"{name}\": {default}"));
        let members: Vec<_> = std::iter::once(module_itself).chain(parameters).collect();
        format!("    \"{}\": {{\n{}\n    }}", module.name, members.join(",\n"))
    });
    assert_eq!(outcome.stdout_text(), format!("{{\n{}\n}}\n", modules.join(",\n")));
}

#[test]
fn the_classic_modules_require_the_parameters_that_they_cannot_do_without() {
    for module in CLASSIC_MODULES {
        let path =
            format!("{}/../plugins/{}/manifest.json", env!("CARGO_MANIFEST_DIR"), module.plugin);
        let manifest = std::fs::read_to_string(path).expect("the plugin has a manifest");
        let manifest: Value = serde_json::from_str(&manifest).expect("a manifest is JSON");
        let listed = manifest["modules"].as_array().expect("a list of modules");
        let listed = listed.iter().find(|listed| listed["name"] == module.name);
        let listed = listed.unwrap_or_else(|| panic!("module {} is missing", module.name));
        let parameters = listed["parameters"].as_array().expect("a list of parameters");
        let required = parameters.iter().filter(|parameter| parameter["required"] == true);
        let required: Vec<_> =
            required.map(|parameter| parameter["name"].as_str().expect("a name")).collect();
        assert_eq!(required, module.required, "module {}", module.name);
    }
}

#[test]
fn every_plugin_but_the_example_has_a_classic_module() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let names = std::fs::read_dir(folder).expect("a folder").map(|entry| {
        let name = entry.expect("the folder can be listed").file_name();
        name.into_string().expect("the name is UTF-8")
    });
    let mut installed: Vec<_> = names.filter(|name| name != "example").collect();
    installed.sort();
    let mut plugins = CLASSIC_MODULES.map(|module| module.plugin);
    plugins.sort_unstable();
    assert_eq!(installed, plugins);
}
