"""OpenTelemetry's instrumentation wraps the handler that the runtime names."""

from opentelemetry import trace
from opentelemetry.instrumentation.aws_lambda import AwsLambdaInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(
    SimpleSpanProcessor(ConsoleSpanExporter(formatter=lambda span: f"span {span.name}\n"))
)


def handler(event, context):
    return {"item": event["number"]}


AwsLambdaInstrumentor().instrument()
