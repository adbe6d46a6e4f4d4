//! The members of XAPI's classes, by type, each with an empty value until the inventory fills it.

use serde_json::{Value, json};

/// The names of a class's members, with blanks between them.
struct Members {
    texts: &'static str,
    integers: &'static str,
    floats: &'static str,
    flags: &'static str,
    dates: &'static str,
    references: &'static str,
    sets: &'static str,
    maps: &'static str,
}

/// A record of a class with all members, and these values.
pub(super) fn record(class: &str, values: Value) -> Value {
    let members = members(class);
    let kinds: [(&str, Value); 8] = [
        (members.texts, json!("")),
        (members.integers, json!(0)),
        (members.floats, json!(1.0)),
        (members.flags, json!(false)),
        (members.dates, json!("20260301T08:00:00Z")),
        (members.references, json!("OpaqueRef:NULL")),
        (members.sets, json!([])),
        (members.maps, json!({})),
    ];
    let mut record = json!({});
    for (names, empty) in kinds {
        for name in names.split_whitespace() {
            record[name] = empty.clone();
        }
    }
    let Value::Object(values) = values else { panic!("{class}: not an object") };
    for (name, value) in values {
        assert!(record.get(&name).is_some(), "{class} has no member {name}");
        record[&name] = value;
    }
    record
}

fn members(class: &str) -> &'static Members {
    match class {
        "pool" => &POOL,
        "host" => &HOST,
        "host_metrics" => &HOST_METRICS,
        "VM" => &VM,
        "VM_metrics" => &VM_METRICS,
        "VM_guest_metrics" => &VM_GUEST_METRICS,
        "VIF" => &VIF,
        "network" => &NETWORK,
        "VBD" => &VBD,
        "VDI" => &VDI,
        _ => panic!("{class} is not a class of the fake"),
    }
}

const POOL: Members = Members {
    texts: "uuid name_label name_description wlb_url wlb_username vswitch_controller ha_cluster_stack \
        uefi_certificates custom_uefi_certificates client_certificate_auth_name \
        repository_proxy_url repository_proxy_username telemetry_frequency update_sync_frequency",
    integers: "ha_host_failures_to_tolerate ha_plan_exists_for local_auth_max_threads \
        ext_auth_max_threads update_sync_day",
    floats: "",
    flags: "ha_enabled ha_allow_overcommit ha_overcommitted wlb_enabled wlb_verify_cert \
        redo_log_enabled policy_no_vendor_device live_patching_disabled igmp_snooping_enabled \
        is_psr_pending tls_verification_enabled client_certificate_auth_enabled \
        migration_compression coordinator_bias update_sync_enabled",
    dates: "telemetry_next_collection last_update_sync",
    references: "master default_SR suspend_image_SR crash_dump_SR redo_log_vdi repository_proxy_password \
        telemetry_uuid",
    sets: "ha_statefiles tags metadata_VDIs allowed_operations repositories",
    maps: "other_config ha_configuration blobs gui_config health_check_config restrictions \
        current_operations guest_agent_config cpu_info",
};

const HOST: Members = Members {
    texts: "uuid name_label name_description API_version_vendor sched_policy hostname address \
        external_auth_type external_auth_service_name edition power_on_mode display iscsi_iqn \
        uefi_certificates latest_synced_updates_applied numa_affinity_policy last_update_hash",
    integers: "memory_overhead API_version_major API_version_minor",
    floats: "",
    flags: "enabled ssl_legacy multipathing tls_verification_enabled https_only",
    dates: "last_software_update",
    references: "suspend_image_sr crash_dump_sr metrics local_cache_sr control_domain",
    sets: "allowed_operations capabilities supported_bootloaders resident_VMs PIFs crashdumps patches \
        updates PBDs host_CPUs ha_statefiles ha_network_peers tags PCIs PGPUs PUSBs \
        virtual_hardware_platform_versions updates_requiring_reboot features certificates editions \
        pending_guidances pending_guidances_recommended pending_guidances_full",
    maps: "current_operations API_version_vendor_implementation software_version other_config \
        cpu_configuration logging cpu_info license_params blobs external_auth_configuration \
        license_server bios_strings power_on_config chipset_info guest_VCPUs_params",
};

const HOST_METRICS: Members = Members {
    texts: "uuid",
    integers: "memory_total memory_free",
    floats: "",
    flags: "live",
    dates: "last_updated",
    references: "",
    sets: "",
    maps: "other_config",
};

const VM: Members = Members {
    texts: "uuid name_label name_description power_state actions_after_softreboot \
        actions_after_shutdown actions_after_reboot actions_after_crash PV_bootloader PV_kernel \
        PV_ramdisk PV_args PV_bootloader_args PV_legacy_args HVM_boot_policy PCI_bus domarch \
        last_booted_record recommendations ha_restart_priority transportable_snapshot_id \
        snapshot_metadata generation_id reference_label domain_type",
    integers: "user_version memory_overhead memory_target memory_static_max memory_dynamic_max \
        memory_dynamic_min memory_static_min VCPUs_max VCPUs_at_startup domid start_delay \
        shutdown_delay order version hardware_platform_version",
    floats: "HVM_shadow_multiplier",
    flags: "is_a_template is_default_template is_control_domain ha_always_run is_a_snapshot \
        is_snapshot_from_vmpp is_vmss_snapshot has_vendor_device requires_reboot",
    dates: "snapshot_time",
    references: "suspend_VDI resident_on scheduled_to_be_resident_on affinity metrics guest_metrics \
        snapshot_of parent protection_policy snapshot_schedule appliance suspend_SR",
    sets: "allowed_operations consoles VIFs VBDs VUSBs crash_dumps VTPMs snapshots tags children \
        VGPUs attached_PCIs pending_guidances pending_guidances_recommended pending_guidances_full",
    maps: "current_operations VCPUs_params HVM_boot_params platform other_config last_boot_CPU_flags \
        xenstore_data blobs blocked_operations snapshot_info bios_strings NVRAM",
};

const VM_METRICS: Members = Members {
    texts: "uuid current_domain_type",
    integers: "memory_actual VCPUs_number",
    floats: "",
    flags: "hvm nested_virt nomigrate",
    dates: "start_time install_time last_updated",
    references: "",
    sets: "state",
    maps: "VCPUs_utilisation VCPUs_CPU VCPUs_params VCPUs_flags other_config",
};

const VM_GUEST_METRICS: Members = Members {
    texts: "uuid can_use_hotplug_vbd can_use_hotplug_vif",
    integers: "",
    floats: "",
    flags: "PV_drivers_up_to_date live PV_drivers_detected",
    dates: "last_updated",
    references: "",
    sets: "",
    maps: "os_version PV_drivers_version memory disks networks other other_config",
};

const VIF: Members = Members {
    texts: "uuid device MAC status_detail qos_algorithm_type locking_mode ipv4_configuration_mode \
        ipv4_gateway ipv6_configuration_mode ipv6_gateway",
    integers: "MTU status_code",
    floats: "",
    flags: "currently_attached MAC_autogenerated",
    dates: "",
    references: "network VM metrics",
    sets: "allowed_operations qos_supported_algorithms ipv4_allowed ipv6_allowed ipv4_addresses \
        ipv6_addresses",
    maps: "current_operations other_config runtime_properties qos_algorithm_params",
};

const NETWORK: Members = Members {
    texts: "uuid name_label name_description bridge default_locking_mode",
    integers: "MTU",
    floats: "",
    flags: "managed",
    dates: "",
    references: "",
    sets: "allowed_operations VIFs PIFs tags purpose",
    maps: "current_operations other_config blobs assigned_ips",
};

const VBD: Members = Members {
    texts: "uuid device userdevice mode type status_detail qos_algorithm_type",
    integers: "status_code",
    floats: "",
    flags: "bootable unpluggable storage_lock empty currently_attached",
    dates: "",
    references: "VM VDI metrics",
    sets: "allowed_operations qos_supported_algorithms",
    maps: "current_operations other_config runtime_properties qos_algorithm_params",
};

const VDI: Members = Members {
    texts: "uuid name_label name_description type location on_boot",
    integers: "virtual_size physical_utilisation",
    floats: "",
    flags: "sharable read_only storage_lock managed missing is_a_snapshot allow_caching \
        metadata_latest is_tools_iso cbt_enabled",
    dates: "snapshot_time",
    references: "SR parent snapshot_of metadata_of_pool",
    sets: "allowed_operations VBDs crash_dumps snapshots tags",
    maps: "current_operations other_config xenstore_data sm_config",
};
