// A simulator of vCenter and ESXi made of the library govmomi/simulator, for the tests of module VMware.
//
// It adds to the library what the tests need: pages of RetrievePropertiesEx (paging.go), a certificate and a user that
// the caller chooses, and objects that differ from each other (variety.go).
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/vmware/govmomi/simulator"
)

var (
	version      = flag.Bool("version", false, "print the version and exit")
	listen       = flag.String("listen", "127.0.0.1:0", "address and port; port 0 is a free one")
	certificate  = flag.String("certificate", "", "certificate in PEM")
	privateKey   = flag.String("key", "", "private key in PEM")
	user         = flag.String("user", "", "user name")
	password     = flag.String("password", "", "password")
	esxi         = flag.Bool("esxi", false, "one ESXi host instead of a vCenter")
	clusters     = flag.Int("clusters", 1, "number of clusters")
	clusterHosts = flag.Int("cluster-hosts", 3, "number of hosts in each cluster")
	hosts        = flag.Int("hosts", 1, "number of hosts in no cluster")
	guests       = flag.Int("guests", 2, "number of virtual machines in each cluster, and on each host in no cluster")
	pageSize     = flag.Int("page-size", 100, "the most objects of a page, whatever a client asks for")
)

func main() {
	flag.Parse()
	if *version {
		fmt.Println("vcsim")
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Creates the inventory, prints the URL when the server listens, and serves until a signal ends the process.
func run() error {
	model := simulator.VPX()
	if *esxi {
		model = simulator.ESX()
	} else {
		model.Cluster, model.ClusterHost, model.Host = *clusters, *clusterHosts, *hosts
	}
	model.Machine = *guests
	// Removes the folders of the simulated datastores.
	defer model.Remove()
	if err := model.Create(); err != nil {
		return err
	}
	addVariety()
	replaceCollector(*pageSize)

	identity, err := tls.LoadX509KeyPair(*certificate, *privateKey)
	if err != nil {
		return err
	}
	model.Service.TLS = &tls.Config{Certificates: []tls.Certificate{identity}}
	model.Service.Listen = &url.URL{Host: *listen, User: url.UserPassword(*user, *password)}
	model.Service.RegisterEndpoints = true
	server := model.Service.NewServer()
	count := model.Count()
	fmt.Printf("listening on %s with %d hosts and %d guests\n", server.URL.Host, count.Host, count.Machine)

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	<-ended
	return nil
}
