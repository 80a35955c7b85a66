"""ECS names for the fields of Sigma rules, by the product of the rule."""

from collections.abc import Callable, Mapping

from sigma.pipelines.elasticsearch import ecs_kubernetes, ecs_macos_esf, ecs_windows, ecs_zeek_beats
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import FieldMappingTransformation

# Sigma's names for web, network, DNS and processes outside Windows, for which pySigma has no
# pipeline.
_ECS: dict[str | None, str | list[str]] = {
    "c-uri": "url.original", "c-uri-query": "url.query", "c-uri-stem": "url.path",
    "cs-uri-query": "url.query", "cs-uri-stem": "url.path", "cs-host": "url.domain",
    "c-useragent": "user_agent.original", "cs-user-agent": "user_agent.original",
    "cs-method": "http.request.method", "cs-referer": "http.request.referrer",
    "cs-referrer": "http.request.referrer", "sc-status": "http.response.status_code",
    "c-ip": "source.ip", "src_ip": "source.ip", "src_port": "source.port",
    "dst_ip": "destination.ip", "dst_port": "destination.port", "query": "dns.question.name",
    "QueryName": "dns.question.name", "record_type": "dns.question.type",
    "Image": "process.executable", "CommandLine": "process.command_line",
    "CurrentDirectory": "process.working_directory", "User": "user.name",
    "ParentImage": "process.parent.executable",
    "ParentCommandLine": "process.parent.command_line", "TargetFilename": "file.path",
    "DestinationIp": "destination.ip", "DestinationPort": "destination.port",
    "DestinationHostname": "destination.domain", "SourceIp": "source.ip",
}  # fmt: skip
_PIPELINES: Mapping[str, Callable[[], ProcessingPipeline]] = {
    "windows": ecs_windows, "macos": ecs_macos_esf, "kubernetes": ecs_kubernetes,
    "zeek": ecs_zeek_beats,
}  # fmt: skip


def pipeline_of(product: str | None) -> ProcessingPipeline:
    """The field mapping for rules about *product*."""
    if product is not None and product in _PIPELINES:
        return _PIPELINES[product]()
    return ProcessingPipeline(items=[ProcessingItem(FieldMappingTransformation(_ECS))])
