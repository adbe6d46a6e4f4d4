package main

import (
	"context"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/storage/names"
)

// install adds all kinds to the server.
func install(generic *server.GenericAPIServer, getter generic.RESTOptionsGetter) error {
	for version, kinds := range groups {
		info := server.NewDefaultAPIGroupInfo(version.Group, scheme, runtime.NewParameterCodec(scheme), codecs)
		resources := map[string]rest.Storage{}
		for _, kind := range kinds {
			store, err := newStore(version.Group, kind, getter)
			if err != nil {
				return err
			}
			resources[kind.plural] = store
			for _, name := range kind.subresources {
				resources[kind.plural+"/"+name] = subresource{store}
			}
		}
		info.VersionedResourcesStorageMap[version.Version] = resources
		var err error
		if version.Group == "" {
			err = generic.InstallLegacyAPIGroup("/api", &info)
		} else {
			err = generic.InstallAPIGroup(&info)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func newStore(group string, kind kind, getter generic.RESTOptionsGetter) (*registry.Store, error) {
	resource := schema.GroupResource{Group: group, Resource: kind.plural}
	create := func(example runtime.Object) func() runtime.Object {
		typ := reflect.TypeOf(example).Elem()
		return func() runtime.Object { return reflect.New(typ).Interface().(runtime.Object) }
	}
	everything := strategy{scheme, names.SimpleNameGenerator, kind.isNamespaced}
	store := &registry.Store{
		NewFunc:                   create(kind.object),
		NewListFunc:               create(kind.list),
		DefaultQualifiedResource:  resource,
		SingularQualifiedResource: schema.GroupResource{Group: group, Resource: strings.TrimSuffix(kind.plural, "s")},
		CreateStrategy:            everything,
		UpdateStrategy:            everything,
		DeleteStrategy:            everything,
		TableConvertor:            rest.NewDefaultTableConvertor(resource),
	}
	return store, store.CompleteWithOptions(&generic.StoreOptions{RESTOptions: getter})
}

// subresource is a path below an object at which the whole object is read and written.
type subresource struct{ store *registry.Store }

func (s subresource) New() runtime.Object { return s.store.New() }
func (subresource) Destroy()              {}

func (s subresource) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return s.store.Get(ctx, name, options)
}

func (s subresource) Update(ctx context.Context, name string, object rest.UpdatedObjectInfo, onCreate rest.ValidateObjectFunc,
	onUpdate rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return s.store.Update(ctx, name, object, onCreate, onUpdate, false, options)
}

// strategy accepts every object as it is.
type strategy struct {
	runtime.ObjectTyper
	names.NameGenerator
	isNamespaced bool
}

func (s strategy) NamespaceScoped() bool { return s.isNamespaced }

func (strategy) PrepareForCreate(_ context.Context, object runtime.Object) {
	if namespace, is := object.(*corev1.Namespace); is {
		namespace.Status.Phase = corev1.NamespaceActive
	}
}

func (strategy) PrepareForUpdate(context.Context, runtime.Object, runtime.Object) {}
func (strategy) Validate(context.Context, runtime.Object) field.ErrorList         { return nil }
func (strategy) ValidateUpdate(context.Context, runtime.Object, runtime.Object) field.ErrorList {
	return nil
}
func (strategy) WarningsOnCreate(context.Context, runtime.Object) []string { return nil }
func (strategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}
func (strategy) Canonicalize(runtime.Object)    {}
func (strategy) AllowCreateOnUpdate() bool      { return false }
func (strategy) AllowUnconditionalUpdate() bool { return true }
