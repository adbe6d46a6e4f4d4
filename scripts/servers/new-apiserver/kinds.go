package main

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	generated "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/util"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// kind is a kind of objects that the server has.
type kind struct {
	plural       string
	isNamespaced bool
	object, list runtime.Object
	subresources []string
}

var status = []string{"status"}

// groups are the kinds by group and version.
var groups = map[schema.GroupVersion][]kind{
	corev1.SchemeGroupVersion: {
		{"nodes", false, &corev1.Node{}, &corev1.NodeList{}, status},
		{"namespaces", false, &corev1.Namespace{}, &corev1.NamespaceList{}, status},
		{"pods", true, &corev1.Pod{}, &corev1.PodList{}, []string{"status", "ephemeralcontainers"}},
		{"services", true, &corev1.Service{}, &corev1.ServiceList{}, status},
		{"serviceaccounts", true, &corev1.ServiceAccount{}, &corev1.ServiceAccountList{}, nil},
		{"configmaps", true, &corev1.ConfigMap{}, &corev1.ConfigMapList{}, nil},
		{"secrets", true, &corev1.Secret{}, &corev1.SecretList{}, nil},
		{"replicationcontrollers", true, &corev1.ReplicationController{}, &corev1.ReplicationControllerList{}, status},
		{"persistentvolumeclaims", true, &corev1.PersistentVolumeClaim{}, &corev1.PersistentVolumeClaimList{}, status},
	},
	appsv1.SchemeGroupVersion: {
		{"deployments", true, &appsv1.Deployment{}, &appsv1.DeploymentList{}, status},
		{"replicasets", true, &appsv1.ReplicaSet{}, &appsv1.ReplicaSetList{}, status},
		{"statefulsets", true, &appsv1.StatefulSet{}, &appsv1.StatefulSetList{}, status},
		{"daemonsets", true, &appsv1.DaemonSet{}, &appsv1.DaemonSetList{}, status},
	},
	batchv1.SchemeGroupVersion: {
		{"jobs", true, &batchv1.Job{}, &batchv1.JobList{}, status},
		{"cronjobs", true, &batchv1.CronJob{}, &batchv1.CronJobList{}, status},
	},
	// Only stored: the server does not enforce them.
	rbacv1.SchemeGroupVersion: {
		{"clusterroles", false, &rbacv1.ClusterRole{}, &rbacv1.ClusterRoleList{}, nil},
		{"clusterrolebindings", false, &rbacv1.ClusterRoleBinding{}, &rbacv1.ClusterRoleBindingList{}, nil},
	},
	networkingv1.SchemeGroupVersion: {
		{"networkpolicies", true, &networkingv1.NetworkPolicy{}, &networkingv1.NetworkPolicyList{}, nil},
	},
}

var (
	scheme = newScheme()
	codecs = serializer.NewCodecFactory(scheme)
)

func versions() []schema.GroupVersion {
	all := []schema.GroupVersion{}
	for version := range groups {
		all = append(all, version)
	}
	return all
}

// newScheme registers the kinds. The internal version of each kind is the same type, so nothing has to be converted.
func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	plain := schema.GroupVersion{Version: "v1"}
	metav1.AddToGroupVersion(scheme, plain)
	scheme.AddUnversionedTypes(plain, &metav1.Status{}, &metav1.APIVersions{}, &metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
	for version, kinds := range groups {
		internal := schema.GroupVersion{Group: version.Group, Version: runtime.APIVersionInternal}
		for _, kind := range kinds {
			scheme.AddKnownTypes(version, kind.object, kind.list)
			scheme.AddKnownTypes(internal, kind.object, kind.list)
		}
		metav1.AddToGroupVersion(scheme, version)
		utilruntime.Must(scheme.SetVersionPriority(version))
	}
	return scheme
}

// describe gives the library the OpenAPI definitions that it requires. Ours allow every member.
func describe(config *server.Config) {
	definitions := func(reference common.ReferenceCallback) map[string]common.OpenAPIDefinition {
		all := generated.GetOpenAPIDefinitions(reference)
		for _, kinds := range groups {
			for _, kind := range kinds {
				object := spec.Schema{SchemaProps: spec.SchemaProps{Type: []string{"object"}}}
				object.AddExtension("x-kubernetes-preserve-unknown-fields", true)
				for _, one := range []runtime.Object{kind.object, kind.list} {
					all[util.GetCanonicalTypeName(one)] = common.OpenAPIDefinition{Schema: object}
				}
			}
		}
		return all
	}
	namer := openapi.NewDefinitionNamer(scheme)
	config.OpenAPIConfig = server.DefaultOpenAPIConfig(definitions, namer)
	config.OpenAPIV3Config = server.DefaultOpenAPIV3Config(definitions, namer)
}
