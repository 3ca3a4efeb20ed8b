output "name" {
  description = "Name of the delivery stream."
  value       = aws_kinesis_firehose_delivery_stream.this.name
}

output "arn" {
  description = "ARN of the delivery stream."
  value       = aws_kinesis_firehose_delivery_stream.this.arn
}

output "bucket" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.objects.id
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.objects.arn
}

output "objects" {
  description = "Where the objects are, as s3://BUCKET/PREFIX."
  value       = "s3://${aws_s3_bucket.objects.id}/${var.prefix}"
}

output "prefix" {
  description = "Folder of the objects in the bucket."
  value       = var.prefix
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts stream and bucket."
  value       = aws_kms_key.this.arn
}

output "source_stream" {
  description = "Name of the Kinesis data stream that posts go into; null without kinesis_source."
  value       = one(aws_kinesis_stream.source[*].name)
}

output "source_arn" {
  description = "ARN of the stream that posts are put into: the data stream with kinesis_source, else the delivery stream."
  value       = var.kinesis_source ? one(aws_kinesis_stream.source[*].arn) : aws_kinesis_firehose_delivery_stream.this.arn
}

output "log_group" {
  description = "Name of the log group of delivery errors."
  value       = aws_cloudwatch_log_group.delivery.name
}

output "label_partitions" {
  description = "Whether objects lie in a folder for each label."
  value       = var.label_partitions
}
