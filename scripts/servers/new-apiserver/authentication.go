package main

import (
	"context"
	"slices"

	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/request/x509"
	"k8s.io/apiserver/pkg/authentication/token/tokenfile"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
)

// authenticate accepts client certificates of an authority, the tokens in a file, and requests without credentials.
func authenticate(config *server.RecommendedConfig, authorityFile, tokenFile string) error {
	authority, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca", authorityFile)
	if err != nil {
		return err
	}
	tokens, err := tokenfile.NewCSV(tokenFile)
	if err != nil {
		return err
	}
	config.SecureServing.ClientCA = authority
	known := group.NewAuthenticatedGroupAdder(union.New(
		x509.NewDynamic(authority.VerifyOptions, x509.CommonNameUserConversion),
		bearertoken.New(tokens)))
	// Credentials that are not valid do not make a request anonymous.
	config.Authentication.Authenticator = union.NewFailOnError(known, anonymous.NewAuthenticator(nil))
	config.Authorization.Authorizer = rights{}
	return nil
}

// rights is the authorizer: administrators may do everything, other users may read what is not an object.
type rights struct{}

func (rights) Authorize(_ context.Context, request authorizer.Attributes) (authorizer.Decision, string, error) {
	groups := request.GetUser().GetGroups()
	isAdministrator := slices.Contains(groups, "system:masters")
	if isAdministrator || slices.Contains(groups, "system:authenticated") && !request.IsResourceRequest() {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}
