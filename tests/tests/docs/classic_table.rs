//! Checks that each difference from the classic program in docs/manager-differences.md has a test.

use super::{files, read, repository, section};

/// The first cell of each row, and the tests of it.
const TESTS: [(&str, &[&str]); 82] = [
    ("One bad endpoint", &["failed_endpoints_among_200_do_not_affect_the_others"]),
    (
        "An endpoint whose connection breaks",
        &["a_connection_that_breaks_fails_its_endpoint_although_hosts_have_arrived"],
    ),
    (
        "An endpoint with an unknown module, or without a module",
        &["accepts_the_calls_of_a_manager", "an_unknown_module_fails_its_endpoint_and_is_named"],
    ),
    (
        "Two endpoints with the same id",
        &[
            "endpoints_with_the_same_id_fail_and_the_error_names_their_positions",
            "two_endpoints_with_the_same_id_are_printed_as_failed",
        ],
    ),
    ("Duration", &["endpoints_are_queried_at_the_same_time"]),
    (
        "Where a module's code runs",
        &["the_runner_never_loads_a_plugin", "many_faults_at_once_do_not_affect_good_endpoints"],
    ),
    (
        "Order of the modules in `--list-modules`",
        &["the_list_of_modules_has_the_bytes_that_a_manager_expects"],
    ),
    ("No `--infile`", &["a_run_without_an_infile_is_exit_status_2"]),
    ("`--outfile`", &["replaces_a_regular_file_and_keeps_its_mode_and_owner"]),
    ("`--outfile` that is the infile", &["refuses_an_outfile_that_is_the_infile"]),
    ("Abbreviated options", &["only_the_options_of_the_classic_can_be_abbreviated"]),
    ("Repeated options", &["the_last_of_a_repeated_option_counts"]),
    (
        "`--list-modules` without a module",
        &["list_modules_reports_on_stderr_and_in_the_log_that_there_is_no_plugin"],
    ),
    ("An infile in UTF-16", &["an_infile_in_utf_16_is_refused"]),
    ("Log: first and last line of a run", &["a_run_has_a_first_and_a_last_line"]),
    ("Log: an endpoint", &["each_endpoint_has_one_line_at_the_default_level"]),
    (
        "Log: form of a line",
        &[
            "a_line_has_the_local_time_with_its_offset",
            "levels_have_the_form_of_the_classic_program",
        ],
    ),
    ("Log: levels", &["the_file_has_one_level_more_than_stderr"]),
    (
        "Log: rotation",
        &[
            "runs_at_the_same_time_share_a_log_and_rotate_it_once",
            "a_rotated_log_and_the_new_one_keep_owner_group_and_mode",
        ],
    ),
    (
        "Secrets",
        &[
            "the_user_and_query_of_a_url_are_not_shown",
            "vv_logs_the_parameters_and_the_result_of_each_endpoint_without_secrets",
        ],
    ),
    (
        "Environment of a module's code",
        &["the_command_line_and_environment_of_a_worker_have_no_secret"],
    ),
    ("Types of the members", &["reads_values_of_wrong_types_as_earlier_gatherers_printed_them"]),
    (
        "Strings and numbers that are too large",
        &["cuts_texts_to_their_columns_with_a_note", "counts_are_limited_to_32_bits"],
    ),
    (
        "An unknown `cpuArch`",
        &["converts_architectures_and_prints_unknown_ones_as_cloud_with_a_note"],
    ),
    (
        "Two guests with the same name on one host",
        &["guests_with_the_same_name_get_their_id_in_both_maps"],
    ),
    (
        "A host with a placeholder as its id (all zeros)",
        &["the_placeholder_id_of_one_host_is_its_fallback_and_that_of_several_is_not"],
    ),
    (
        "Two hosts with the same identity",
        &["hosts_with_the_same_id_get_their_next_identifier_and_a_note"],
    ),
    (
        "`vmState`",
        &[
            "guests_in_every_state_have_the_managers_labels",
            "words_of_any_source_become_labels_of_the_manager_and_stay_in_the_inventory",
        ],
    ),
    (
        "AmazonEC2, Azure, GoogleCE: `vmState`",
        &[
            "each_state_of_ec2_has_its_state",
            "each_power_state_has_its_state",
            "every_state_has_its_meaning",
        ],
    ),
    (
        "Impossible numbers (4294967295 sockets, -1 MHz)",
        &["impossible_numbers_are_ignored_with_a_warning_and_absent"],
    ),
    (
        "Libvirt: sockets, cores, threads",
        &["a_manager_gets_the_processors_of_all_numa_cells_and_the_frequency"],
    ),
    ("Libvirt: `cpuMhz`", &["a_manager_gets_the_processors_of_all_numa_cells_and_the_frequency"]),
    (
        "Libvirt: a host without CPU model, vendor or topology (`test:///default`)",
        &["the_managers_document_has_the_default_hypervisor"],
    ),
    ("Libvirt: URIs", &["a_uri_that_runs_programs_fails_only_its_endpoint_and_names_the_part"]),
    (
        "Libvirt: no connection",
        &[
            "a_hypervisor_that_cannot_be_reached_fails_only_its_endpoint",
            "a_host_name_that_is_not_found_is_a_connection_error_with_a_hint_for_every_driver",
        ],
    ),
    (
        "SUSECloud: sockets, cores, threads",
        &["counts_of_processors_are_those_of_the_host", "counts_are_totals_of_the_host"],
    ),
    (
        "SUSECloud: servers on no host (`BUILD`, `SHELVED_OFFLOADED`)",
        &["a_manager_gets_hypervisors_with_their_servers_and_no_others"],
    ),
    (
        "SUSECloud: a cell of the cloud that is down",
        &["a_cell_that_is_down_fails_the_endpoint_with_its_hosts_and_servers"],
    ),
    (
        "SUSECloud: a hypervisor without `cpu_info` (ironic)",
        &["counts_of_processors_are_those_of_the_host"],
    ),
    (
        "SUSECloud: a user that may not see all projects",
        &["each_policy_that_does_not_allow_a_request_is_named"],
    ),
    ("SUSECloud: `protocol`", &["http_is_used_only_if_it_is_asked_for_and_with_a_warning"]),
    (
        "SUSECloud: the version of the identity service",
        &["suse_cloud_logs_in_to_a_project_of_the_domain_default"],
    ),
    ("SUSECloud: a cloud with several regions", &["a_region_is_chosen_only_if_it_is_the_only_one"]),
    (
        "Proxmox: ids of guests",
        &[
            "a_manager_gets_nodes_with_the_smbios_uuids_of_their_guests",
            "the_identity_is_the_smbios_uuid_else_the_vmgenid_else_the_id_in_the_cluster",
        ],
    ),
    (
        "Proxmox: `type`, `osVersion`",
        &["a_manager_gets_nodes_with_the_smbios_uuids_of_their_guests"],
    ),
    ("Proxmox: nodes that are offline", &["keeps_the_guests_of_an_offline_node_without_asking_it"]),
    (
        "Proxmox: a user that may not see all guests",
        &["a_filtered_view_is_a_permission_error_before_the_list_is_read"],
    ),
    (
        "Proxmox: a password and a token",
        &["both_kinds_of_credentials_use_the_token_with_a_warning"],
    ),
    (
        "Xen: guests that do not run",
        &["a_manager_gets_hosts_with_the_uuids_of_their_guests_and_the_pseudo_host"],
    ),
    (
        "Xen: `hostIdentifier`",
        &["a_manager_gets_hosts_with_the_uuids_of_their_guests_and_the_pseudo_host"],
    ),
    (
        "AmazonEC2: a zone that the region does not have",
        &["a_zone_that_the_region_lacks_is_a_configuration_error"],
    ),
    (
        "AmazonEC2: an endpoint without `zone`",
        &["each_zone_with_guests_has_a_host_and_dedicated_hosts_are_represented"],
    ),
    ("AmazonEC2: terminated instances", &["awss_own_client_agrees_instance_by_instance"]),
    (
        "AmazonEC2: instances that a service manages and the account hides",
        &["managed_spot_and_hidden_instances_are_guests"],
    ),
    ("GoogleCE: `service_account_email`", &["the_parameter_and_the_file_name_the_same_account"]),
    ("GoogleCE: an empty `zone`", &["each_zone_with_instances_is_a_host"]),
    (
        "GoogleCE: a zone that does not answer",
        &["a_list_that_lacks_instances_fails_and_names_the_zones"],
    ),
    ("GoogleCE: a zone that does not exist", &["errors_that_stay_are_final_and_say_what_to_do"]),
    (
        "Azure: instances of uniform scale sets",
        &["only_scale_sets_that_are_not_flexible_are_asked_for_instances"],
    ),
    (
        "Azure: a location in another spelling, or one that does not exist",
        &[
            "a_zone_has_one_host_with_the_machines_of_its_location",
            "an_unknown_zone_is_a_configuration_error_before_anything_is_listed",
        ],
    ),
    (
        "Azure: no virtual machine at all",
        &["an_empty_subscription_is_a_permission_error_unless_the_role_is_confirmed"],
    ),
    ("Azure: an empty `zone`", &["reads_machines_and_instances_of_all_locations"]),
    (
        "File: a gatherer's output with several managers",
        &["the_hosts_of_all_managers_are_merged_without_loss"],
    ),
    (
        "File: a document in which a manager is `null`",
        &["a_null_manager_or_an_incomplete_endpoint_fails_only_its_document_and_is_named"],
    ),
    (
        "File: a document in another format, or with a duplicate key",
        &["rejects_invalid_documents_without_quoting_them", "rejects_duplicate_hosts_and_guests"],
    ),
    ("Guest ids that are numbers", &["a_guest_id_that_is_a_number_is_printed_as_text"]),
    (
        "File: URL schemes",
        &[
            "file_urls_are_read_as_python_reads_them",
            "rejects_invalid_locations_without_quoting_them",
        ],
    ),
    ("Kubernetes: users with `exec`", &["a_program_needs_the_operators_permission"]),
    (
        "Kubernetes: files that a kubeconfig names",
        &[
            "an_uploaded_kubeconfig_must_not_name_files",
            "a_kubeconfig_file_must_not_name_files_outside_its_folder",
        ],
    ),
    (
        "Kubernetes: `auth-provider` `azure`",
        &[
            "a_kubeconfig_with_the_provider_azure_fails_only_its_endpoint",
            "a_valid_id_token_is_not_renewed",
            "finds_the_token_of_a_gcp_program_by_its_keys",
        ],
    ),
    (
        "Kubernetes: the Manager's proxy",
        &["the_managers_proxy_is_used_for_kubernetes_unless_no_proxy_has_the_api_server"],
    ),
    ("NutanixAHV: `cpuMhz`", &["a_manager_gets_the_frequency_of_a_core_and_the_pseudo_host"]),
    (
        "NutanixAHV: a server that cannot be reached",
        &["a_prism_that_cannot_be_reached_fails_only_its_endpoint"],
    ),
    (
        "NutanixAHV: VMs on no host",
        &[
            "a_manager_gets_the_frequency_of_a_core_and_the_pseudo_host",
            "the_pseudo_host_is_sent_without_guests_too",
        ],
    ),
    ("NutanixAHV: ESXi hosts", &["a_manager_gets_an_esxi_host_with_its_own_type_and_system"]),
    (
        "VMware: `hostIdentifier`",
        &["a_manager_gets_hosts_and_machines_with_the_classic_identities"],
    ),
    ("VMware: a virtual machine without `config`", &["no_machine_is_lost_whatever_its_state_is"]),
    ("VMware: a virtual machine on no host", &["no_machine_is_lost_whatever_its_state_is"]),
    (
        "VMware: `vmState` of a suspended machine",
        &["a_manager_gets_hosts_and_machines_with_the_classic_identities"],
    ),
    (
        "VMware: `vmState` of a machine that is not connected",
        &["a_manager_gets_hosts_and_machines_with_the_classic_identities"],
    ),
    ("VMware: `cpuMhz`", &["a_host_has_everything_that_the_server_reports"]),
    (
        "VMware: an account without rights",
        &[
            "no_right_on_the_root_folder_is_a_permission_error_that_names_the_role",
            "a_role_that_does_not_apply_below_the_root_folder_is_a_warning",
        ],
    ),
];

/// The names of all test functions in the repository.
fn test_functions() -> Vec<String> {
    let mut names = Vec::new();
    for path in files(&repository()) {
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = read(path.to_str().expect("the path is UTF-8"));
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            is_test |= line == "#[test]";
            if let Some(name) = line.strip_prefix("fn ") {
                if is_test {
                    names.push(name.split('(').next().unwrap_or_default().to_owned());
                }
                is_test = false;
            }
        }
    }
    names
}

#[test]
fn each_difference_from_the_classic_program_has_a_test() {
    let text = read("docs/manager-differences.md");
    let table = section(&text, "# Differences from the classic program\n");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| "));
    let first_cells: Vec<&str> = rows
        .filter_map(|row| row.split(" | ").next())
        .filter(|cell| !cell.starts_with("---") && !cell.starts_with('|'))
        .collect();
    assert_eq!(first_cells, TESTS.map(|(row, _)| row));
    let existing = test_functions();
    for (row, tests) in TESTS {
        assert!(!tests.is_empty(), "the row {row:?} has no test");
        for name in tests {
            assert!(
                existing.iter().any(|own| own == name),
                "the test {name} of {row:?} is missing"
            );
        }
    }
}
