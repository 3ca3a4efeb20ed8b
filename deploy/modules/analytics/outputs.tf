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

output "table" {
  description = "Name of the table in the database."
  value       = aws_glue_catalog_table.posts.name
}

output "redshift_load" {
  description = "The load of Redshift as the JSON that aws redshift-data batch-execute-statement --cli-input-json takes; null without redshift."
  value       = one([for l in local.load : jsonencode(l)])
}

output "redshift_sql" {
  description = "The statements of the load in their order; empty without redshift."
  value       = local.statements
}

output "redshift_workgroup" {
  description = "Name of Redshift's workgroup; null without redshift."
  value       = one(aws_redshiftserverless_workgroup.this[*].workgroup_name)
}
