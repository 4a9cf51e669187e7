// Command coredns is CoreDNS with the few plugins that a cluster's DNS needs. The full list would pull in the clients of
// four clouds and treble the build.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

func main() {
	// The order in which a request passes the plugins, as in CoreDNS's own plugin.cfg.
	dnsserver.Directives = []string{
		"bind", "ready", "health", "prometheus", "errors", "log", "template", "loadbalance", "kubernetes",
	}
	coremain.Run()
}
