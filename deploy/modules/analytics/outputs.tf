output "database" {
  description = "Name of the database with the table posts."
  value       = aws_glue_catalog_database.this.name
}

output "workgroup" {
  description = "Name of the workgroup to query in."
  value       = aws_athena_workgroup.this.name
}

output "queries" {
  description = "SQL of the saved queries, by name."
  value       = { for name, q in local.queries : name => q.sql }
}
