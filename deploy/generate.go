package deploy

// The README.md of each module and stack, by terraform-docs (MIT, v0.20.0).
//go:generate go tool -C _docs terraform-docs --config ../.terraform-docs.yml --recursive --recursive-include-main=false --recursive-path modules ..
//go:generate go tool -C _docs terraform-docs --config ../.terraform-docs.yml --recursive --recursive-include-main=false --recursive-path stacks ..
