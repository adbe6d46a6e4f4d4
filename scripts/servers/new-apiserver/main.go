// An API server made of the library of kube-apiserver (k8s.io/apiserver), with an etcd, for tests with a newer version
// than the one of which Debian has the source.
//
// What a client sees of lists is the library's: TLS, pages and continue tokens, the watch cache, selectors, compression,
// Status errors, discovery. The rest of kube-apiserver is missing: validation, default values, RBAC, controllers and
// custom resources. Users of the group system:masters may do everything; other users may only read the discovery.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strings"

	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	cliflag "k8s.io/component-base/cli/flag"
)

// The options of kube-apiserver that this server has too.
var (
	etcdServers = flag.String("etcd-servers", "", "URL of etcd")
	bindAddress = flag.String("bind-address", "127.0.0.1", "IP address")
	securePort  = flag.Int("secure-port", 6443, "port")
	certificate = flag.String("tls-cert-file", "", "certificate in PEM")
	privateKey  = flag.String("tls-private-key-file", "", "private key in PEM")
	clientCA    = flag.String("client-ca-file", "", "authority of client certificates")
	tokenFile   = flag.String("token-auth-file", "", "tokens in CSV")
	watchCache  = flag.Bool("watch-cache", true, "answer lists from memory")
	namedKeys   []cliflag.NamedCertKey
)

func main() {
	flag.Func("tls-sni-cert-key", "certificate,key:name", addNamedKey)
	// The tests start kube-apiserver with the same command. Its other options have no meaning here.
	known := []string{}
	for _, argument := range os.Args[1:] {
		name, _, _ := strings.Cut(strings.TrimLeft(argument, "-"), "=")
		if flag.Lookup(name) != nil {
			known = append(known, argument)
		}
	}
	err := flag.CommandLine.Parse(known)
	if err == nil {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func addNamedKey(value string) error {
	files, name, found := strings.Cut(value, ":")
	certificate, key, both := strings.Cut(files, ",")
	if !found || !both {
		return fmt.Errorf("not certificate,key:name: %s", value)
	}
	namedKeys = append(namedKeys, cliflag.NamedCertKey{Names: []string{name}, CertFile: certificate, KeyFile: key})
	return nil
}

func run() error {
	config := server.NewRecommendedConfig(codecs)
	if err := options.NewServerRunOptions().ApplyTo(&config.Config); err != nil {
		return err
	}
	describe(&config.Config)

	serving := options.NewSecureServingOptions().WithLoopback()
	serving.BindAddress, serving.BindPort = net.ParseIP(*bindAddress), *securePort
	serving.ServerCert.CertKey = options.CertKey{CertFile: *certificate, KeyFile: *privateKey}
	serving.SNICertKeys = namedKeys
	if err := serving.ApplyToConfig(&config.Config); err != nil {
		return err
	}

	backend := storagebackend.NewDefaultConfig("/registry", codecs.LegacyCodec(versions()...))
	backend.Transport.ServerList = strings.Split(*etcdServers, ",")
	storage := options.NewEtcdOptions(backend)
	storage.EnableWatchCache = *watchCache
	if err := storage.ApplyTo(&config.Config); err != nil {
		return err
	}

	if err := authenticate(config, *clientCA, *tokenFile); err != nil {
		return err
	}
	generic, err := config.Complete().New("new-apiserver", server.NewEmptyDelegate())
	if err != nil {
		return err
	}
	if err := install(generic, config.RESTOptionsGetter); err != nil {
		return err
	}
	return generic.PrepareRun().RunWithContext(server.SetupSignalContext())
}
