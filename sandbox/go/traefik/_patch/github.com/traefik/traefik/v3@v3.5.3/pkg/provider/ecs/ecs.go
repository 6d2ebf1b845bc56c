// Package ecs takes the place of Traefik's: the sandbox has no Amazon ECS, and its client library costs 3 GB of memory to
// compile.
package ecs

import (
	"errors"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/safe"
)

// Provider has no settings.
type Provider struct{}

// SetDefaults has none to set.
func (p *Provider) SetDefaults() {}

// Init always fails.
func (p *Provider) Init() error { return errors.New("left out of this build") }

// Provide is never called.
func (p *Provider) Provide(chan<- dynamic.Message, *safe.Pool) error { return nil }
