package main

import (
	"strconv"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// The most objects of a page.
var maxPage int

// A property collector that gives its answers in pages, as a vCenter does; the library's has no pages. A token is valid
// once, and only in its session. The first one is "0".
type pagedCollector struct {
	simulator.PropertyCollector

	// The objects that were not sent yet, by token.
	unsent map[string]rest
	tokens int
}

type rest struct {
	objects []types.ObjectContent
	size    int
}

// Replaces the library's collector. Each session gets one of the same type.
func replaceCollector(size int) {
	maxPage = size
	instance := simulator.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance)
	collector := &pagedCollector{}
	collector.Self = instance.Content.PropertyCollector
	simulator.Map.Put(collector)
}

func (c *pagedCollector) RetrievePropertiesEx(ctx *simulator.Context, request *types.RetrievePropertiesEx) soap.HasFault {
	answer := c.PropertyCollector.RetrievePropertiesEx(ctx, request)
	body, ok := answer.(*methods.RetrievePropertiesExBody)
	if !ok || body.Res == nil || body.Res.Returnval == nil {
		return answer
	}
	size := maxPage
	if asked := int(request.Options.MaxObjects); asked > 0 && asked < size {
		size = asked
	}
	result := c.page(rest{body.Res.Returnval.Objects, size})
	body.Res.Returnval = &result
	return body
}

func (c *pagedCollector) ContinueRetrievePropertiesEx(ctx *simulator.Context, request *types.ContinueRetrievePropertiesEx) soap.HasFault {
	body := &methods.ContinueRetrievePropertiesExBody{}
	unsent, ok := c.unsent[request.Token]
	if !ok {
		body.Fault_ = simulator.Fault("A specified parameter was not correct: token", &types.InvalidArgument{InvalidProperty: "token"})
		return body
	}
	delete(c.unsent, request.Token)
	body.Res = &types.ContinueRetrievePropertiesExResponse{Returnval: c.page(unsent)}
	return body
}

// The first page of these objects, with a token if there are more.
func (c *pagedCollector) page(of rest) types.RetrieveResult {
	if len(of.objects) <= of.size {
		return types.RetrieveResult{Objects: of.objects}
	}
	if c.unsent == nil {
		c.unsent = map[string]rest{}
	}
	token := strconv.Itoa(c.tokens)
	c.tokens++
	c.unsent[token] = rest{of.objects[of.size:], of.size}
	return types.RetrieveResult{Objects: of.objects[:of.size], Token: token}
}
