package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// parseTag returns the name that o gives the image. A tag in a repository may be
// empty as long as the digest is not known.
func parseTag(o Options) (name.Tag, error) {
	if o.Repository == "" {
		tag, err := name.NewTag(o.Tag)
		if err != nil {
			return name.Tag{}, fmt.Errorf("image: tag %q: %w; want a name like coldstream-producer:latest", o.Tag, err)
		}
		return tag, nil
	}
	repository, err := name.NewRepository(o.Repository)
	if err != nil {
		return name.Tag{}, fmt.Errorf("image: repository %q: %w; want a name like HOST/coldstream-producer, without a tag", o.Repository, err)
	}
	if o.Tag == "" {
		return repository.Tag(""), nil
	}
	tag, err := name.NewTag(o.Repository + ":" + o.Tag)
	if err != nil || tag.TagStr() != o.Tag {
		return name.Tag{}, fmt.Errorf("image: tag %q is none of a repository; want one like v1.2.3", o.Tag)
	}
	return tag, nil
}

// Push puts the image into its repository under its tag. A tag that is there
// already is left alone: if it is this image there is nothing to do (there is
// true), and if it is another the error says which. keys has the login;
// options are for tests and for what identifies the program.
func (i *Image) Push(ctx context.Context, keys authn.Keychain, options ...remote.Option) (there bool, err error) {
	options = append([]remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(keys)}, options...)
	switch found, err := remote.Head(i.tag, options...); {
	case err == nil && found.Digest == i.digest:
		return true, nil
	case err == nil:
		return false, fmt.Errorf("image: %s is there already, as another image (%s); choose another tag", i.tag, found.Digest)
	case !isStatus(err, http.StatusNotFound):
		return false, pushError(i.tag, err)
	}
	if err := remote.Write(i.tag, i.image, options...); err != nil {
		return false, pushError(i.tag, err)
	}
	return false, nil
}

func isStatus(err error, status int) bool {
	var e *transport.Error
	return errors.As(err, &e) && e.StatusCode == status
}

// pushError says what to do where the registry's answer does not.
func pushError(tag name.Tag, err error) error {
	err = fmt.Errorf("image: push %s: %w", tag, err)
	switch {
	case isStatus(err, http.StatusNotFound):
		return fmt.Errorf("%w; the registry has no repository %s: create it first", err, tag.RepositoryStr())
	case isStatus(err, http.StatusUnauthorized), isStatus(err, http.StatusForbidden):
		return fmt.Errorf("%w; log in (docker login), or for ECR give credentials that may push", err)
	}
	return err
}
