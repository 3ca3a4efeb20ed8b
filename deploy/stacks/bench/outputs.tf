output "bench_targets" {
  description = "What bench aws --terraform reads."
  value       = local.targets
}

output "repository" {
  description = "Repository of the container's image; null without container."
  value       = one(module.container[*].repository)
}

output "next" {
  description = "The next command."
  value       = "terraform output -json > targets.json, then bench aws --terraform targets.json"
}
