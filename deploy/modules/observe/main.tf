/**
 * # Module observe
 *
 * Alarms to one topic, and one dashboard.
 */

data "aws_region" "this" {}
data "aws_caller_identity" "this" {}

locals {
  stream   = { DeliveryStreamName = var.stream_name }
  function = { FunctionName = var.function_name }
  producer = { service = "producer" } # as producer --emf writes it
  refused  = "${var.name}-refused-posts"

  every_alarm = {
    freshness = {
      when       = true
      text       = "Posts wait too long for their delivery to S3."
      metric     = "DeliveryToS3.DataFreshness", namespace = "AWS/Firehose", dimensions = local.stream
      statistic  = "Maximum", threshold = var.freshness_seconds, comparison = "GreaterThanThreshold"
      no_data_is = "notBreaching"
    }
    delivery = {
      when       = true
      text       = "The stream could not write objects to S3."
      metric     = "DeliveryToS3.Success", namespace = "AWS/Firehose", dimensions = local.stream
      statistic  = "Minimum", threshold = 1, comparison = "LessThanThreshold"
      no_data_is = "notBreaching"
    }
    throttled = {
      when       = true
      text       = "The stream refused records because its quota was used up."
      metric     = "ThrottledRecords", namespace = "AWS/Firehose", dimensions = local.stream
      statistic  = "Sum", threshold = 0, comparison = "GreaterThanThreshold"
      no_data_is = "notBreaching"
    }
    transformation = {
      when       = var.function_name != null
      text       = "Calls of the function by the stream failed; after three more tries their posts are in processing-failed/."
      metric     = "ExecuteProcessing.Success", namespace = "AWS/Firehose", dimensions = local.stream
      statistic  = "Minimum", threshold = 1, comparison = "LessThanThreshold"
      no_data_is = "notBreaching"
    }
    refused = {
      when       = var.function_name != null && var.function_log_group != null
      text       = "The function could not score some posts; they are in processing-failed/, each with its reason."
      metric     = local.refused, namespace = "coldstream", dimensions = {}
      statistic  = "Sum", threshold = var.refused, comparison = "GreaterThanThreshold"
      no_data_is = "notBreaching"
    }
    behind = {
      when       = var.kinesis_source
      text       = "The stream reads the Kinesis data stream too slowly; its records are kept for a day."
      metric     = "KinesisMillisBehindLatest", namespace = "AWS/Firehose", dimensions = local.stream
      statistic  = "Maximum", threshold = var.freshness_seconds * 1000, comparison = "GreaterThanThreshold"
      no_data_is = "notBreaching"
    }
    errors = {
      when       = var.function_name != null
      text       = "Invocations of the function failed."
      metric     = "Errors", namespace = "AWS/Lambda", dimensions = local.function
      statistic  = "Sum", threshold = 0, comparison = "GreaterThanThreshold"
      no_data_is = "notBreaching"
    }
    throttles = {
      when       = var.function_name != null
      text       = "Invocations of the function were refused: its concurrency is used up."
      metric     = "Throttles", namespace = "AWS/Lambda", dimensions = local.function
      statistic  = "Sum", threshold = 0, comparison = "GreaterThanThreshold"
      no_data_is = "notBreaching"
    }
    duration = {
      when       = var.function_name != null
      text       = "Invocations of the function come near their time limit."
      metric     = "Duration", namespace = "AWS/Lambda", dimensions = local.function
      statistic  = "Maximum", threshold = var.function_timeout_seconds * 800, comparison = "GreaterThanThreshold"
      no_data_is = "notBreaching"
    }
    unsent = {
      when       = var.producer
      text       = "The producer holds back posts that the stream has not accepted."
      metric     = "coldstream_producer_unsent", namespace = "coldstream", dimensions = local.producer
      statistic  = "Minimum", threshold = var.unsent, comparison = "GreaterThanThreshold"
      no_data_is = "notBreaching"
    }
    lag = {
      when       = var.producer && var.lag_seconds != null
      text       = "The newest post that the producer has read is old: it does not keep up with its source."
      metric     = "coldstream_producer_lag_seconds", namespace = "coldstream", dimensions = local.producer
      statistic  = "Minimum", threshold = var.lag_seconds, comparison = "GreaterThanThreshold"
      no_data_is = "notBreaching"
    }
    silence = {
      when       = var.producer
      text       = "The producer tells nothing about itself: it does not run."
      metric     = "coldstream_producer_unsent", namespace = "coldstream", dimensions = local.producer
      statistic  = "SampleCount", threshold = 1, comparison = "LessThanThreshold"
      no_data_is = "breaching"
    }
  }

  alarms = { for name, a in local.every_alarm : name => a if a.when }
}

# The function counts in its log what it could not score; Firehose has no metric of it.
resource "aws_cloudwatch_log_metric_filter" "refused" {
  count          = local.every_alarm.refused.when ? 1 : 0
  name           = local.refused
  log_group_name = var.function_log_group
  pattern        = "{ $.failed > 0 }"

  metric_transformation {
    namespace = "coldstream"
    name      = local.refused
    value     = "$.failed"
  }
}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "Alarms"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic_subscription" "email" {
  count     = var.email == null ? 0 : 1
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.email
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.text
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = each.value.no_data_is
  period              = 300
  evaluation_periods  = 1
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [for i, w in local.widgets : {
      type = "metric", x = (i % 2) * 12, y = floor(i / 2) * 6, width = 12, height = 6
      properties = {
        title   = w.title
        region  = data.aws_region.this.name
        view    = "timeSeries"
        period  = 300
        metrics = w.metrics
      }
    }]
  })
}

locals {
  widgets = [for w in local.every_widget : w if w.when]

  every_widget = [
    {
      when  = true
      title = "Records into the stream and out to S3"
      metrics = [
        ["AWS/Firehose", "IncomingRecords", "DeliveryStreamName", var.stream_name, { stat = "Sum" }],
        ["AWS/Firehose", "DeliveryToS3.Records", "DeliveryStreamName", var.stream_name, { stat = "Sum" }],
        ["AWS/Firehose", "ThrottledRecords", "DeliveryStreamName", var.stream_name, { stat = "Sum" }],
      ]
    },
    {
      when  = true
      title = "Successful deliveries to S3 and calls of the function, share"
      metrics = concat(
        [["AWS/Firehose", "DeliveryToS3.Success", "DeliveryStreamName", var.stream_name, { stat = "Average" }]],
        var.function_name == null ? [] : [["AWS/Firehose", "ExecuteProcessing.Success", "DeliveryStreamName", var.stream_name, { stat = "Average" }]],
      )
    },
    {
      when    = true
      title   = "Age of the oldest post in the stream, seconds"
      metrics = [["AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName", var.stream_name, { stat = "Maximum" }]]
    },
    {
      when  = var.function_name != null
      title = "Invocations, errors and throttles"
      metrics = [
        ["AWS/Lambda", "Invocations", "FunctionName", var.function_name, { stat = "Sum" }],
        ["AWS/Lambda", "Errors", "FunctionName", var.function_name, { stat = "Sum" }],
        ["AWS/Lambda", "Throttles", "FunctionName", var.function_name, { stat = "Sum" }],
      ]
    },
    {
      when  = var.function_name != null
      title = "Duration of invocations, ms"
      metrics = [
        ["AWS/Lambda", "Duration", "FunctionName", var.function_name, { stat = "p50" }],
        ["AWS/Lambda", "Duration", "FunctionName", var.function_name, { stat = "p99" }],
      ]
    },
    {
      when  = var.producer
      title = "Posts read, accepted and refused"
      metrics = [
        ["coldstream", "coldstream_producer_received_total", "service", "producer", { stat = "Sum" }],
        ["coldstream", "coldstream_producer_delivered_total", "service", "producer", { stat = "Sum" }],
        ["coldstream", "coldstream_producer_dead_lettered_total", "service", "producer", { stat = "Sum" }],
      ]
    },
    {
      when    = local.every_alarm.refused.when
      title   = "Posts that the function could not score"
      metrics = [["coldstream", local.refused, { stat = "Sum" }]]
    },
    {
      when    = var.producer
      title   = "Age of the newest post read, seconds"
      metrics = [["coldstream", "coldstream_producer_lag_seconds", "service", "producer", { stat = "Minimum" }]]
    },
    {
      when    = var.producer
      title   = "Posts not accepted yet"
      metrics = [["coldstream", "coldstream_producer_unsent", "service", "producer", { stat = "Maximum" }]]
    },
  ]
}
