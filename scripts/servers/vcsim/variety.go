package main

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Changes some objects, because the library makes all of a kind alike.
func addVariety() {
	for number, entity := range simulator.Map.All("HostSystem") {
		host := entity.(*simulator.HostSystem)
		switch number % 20 {
		case 7:
			host.Runtime.InMaintenanceMode = true
		case 11:
			host.Runtime.ConnectionState = types.HostSystemConnectionStateNotResponding
			host.Config = nil
		}
	}
	for number, entity := range simulator.Map.All("VirtualMachine") {
		change(number, entity.(*simulator.VirtualMachine))
	}
}

func change(number int, guest *simulator.VirtualMachine) {
	guest.Config.Hardware.NumCPU = int32(1 + number%4)
	guest.Summary.Config.NumCpu = guest.Config.Hardware.NumCPU
	guest.Config.Version = []string{"vmx-11", "vmx-13", "vmx-19"}[number%3]
	switch number % 10 {
	case 1:
		guest.Runtime.PowerState = types.VirtualMachinePowerStatePoweredOff
	case 2:
		guest.Runtime.PowerState = types.VirtualMachinePowerStateSuspended
	case 3:
		guest.Runtime.PowerState = types.VirtualMachinePowerStatePoweredOff
		guest.Config.Template = true
		guest.Summary.Config.Template = true
	case 4:
		guest.Name = fmt.Sprintf("a%%2fb %d", number)
		guest.Config.Name, guest.Summary.Config.Name = guest.Name, guest.Name
	case 5:
		addAgents(number, guest)
	case 6:
		guest.Runtime.ConnectionState = types.VirtualMachineConnectionStateInaccessible
		guest.Config = nil
	case 7:
		addAddresses(number, &guest.VirtualMachine)
	}
	guest.Summary.Runtime = guest.Runtime
}

func addAgents(number int, guest *simulator.VirtualMachine) {
	managedBy := &types.ManagedByInfo{ExtensionKey: "com.vmware.vim.eam", Type: "cluster-agent"}
	if number%20 == 5 {
		managedBy = &types.ManagedByInfo{ExtensionKey: "VirtualCenter", Type: "vcls-entity"}
	}
	guest.Config.ManagedBy, guest.Summary.Config.ManagedBy = managedBy, managedBy
}

// Addresses that the tools of the guest report.
func addAddresses(number int, guest *mo.VirtualMachine) {
	address := fmt.Sprintf("10.%d.%d.%d", number>>16&255, number>>8&255, number&255)
	guest.Guest.HostName = fmt.Sprintf("guest%d.example.com", number)
	guest.Guest.IpAddress = address
	guest.Guest.GuestFullName = "SUSE Linux Enterprise 15 (64-bit)"
	guest.Guest.Net = []types.GuestNicInfo{{
		Network:        "VM Network",
		MacAddress:     fmt.Sprintf("00:50:56:%02x:%02x:%02x", number>>16&255, number>>8&255, number&255),
		IpAddress:      []string{address, "fe80::250:56ff:fe00:1"},
		Connected:      true,
		DeviceConfigId: 4000,
	}}
}
