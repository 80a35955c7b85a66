// Answers that Elasticsearch keeps in modules which are not published: "GET /", "DELETE /_data_stream/NAME",
// "GET" and "PUT /_data_stream/NAME/_lifecycle". What they say and do comes from the running server's own classes.
package scoreback.node;

import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

import org.apache.lucene.util.Version;
import org.elasticsearch.Build;
import org.elasticsearch.action.support.IndicesOptions;
import org.elasticsearch.action.support.master.AcknowledgedResponse;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.ClusterStateUpdateTask;
import org.elasticsearch.cluster.metadata.DataStream;
import org.elasticsearch.cluster.metadata.DataStreamLifecycle;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.metadata.MetadataDataStreamsService;
import org.elasticsearch.cluster.metadata.ProjectId;
import org.elasticsearch.cluster.metadata.ProjectMetadata;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.Priority;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.settings.ClusterSettings;
import org.elasticsearch.common.settings.IndexScopedSettings;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.settings.SettingsFilter;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestController;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.rest.action.RestToXContentListener;
import org.elasticsearch.xcontent.ToXContent;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentParser;

public class Handlers extends Plugin implements ActionPlugin {
    private volatile ClusterService cluster;

    @Override
    public Collection<?> createComponents(PluginServices services) {
        cluster = services.clusterService();
        return List.of();
    }

    @Override
    public Collection<RestHandler> getRestHandlers(Settings settings, NamedWriteableRegistry registry, RestController controller,
            ClusterSettings clusterSettings, IndexScopedSettings indexSettings, SettingsFilter filter,
            IndexNameExpressionResolver resolver, Supplier<DiscoveryNodes> nodes, Predicate<NodeFeature> features) {
        return List.of(new Root(), new DeleteDataStream(settings, resolver), new Lifecycle(resolver));
    }

    private final class Root extends BaseRestHandler {
        @Override
        public String getName() { return "root"; }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            return channel -> {
                ClusterState state = cluster.state();
                Build b = Build.current();
                XContentBuilder x = channel.newBuilder();
                x.startObject().field("name", cluster.getNodeName())
                    .field("cluster_name", cluster.getClusterName().value())
                    .field("cluster_uuid", state.metadata().clusterUUID())
                    .startObject("version").field("number", b.qualifiedVersion())
                    .field("build_flavor", b.flavor()).field("build_type", b.type().displayName())
                    .field("build_hash", b.hash()).field("build_date", b.date()).field("build_snapshot", b.isSnapshot())
                    .field("lucene_version", Version.LATEST.toString())
                    .field("minimum_wire_compatibility_version", b.minWireCompatVersion())
                    .field("minimum_index_compatibility_version", b.minIndexCompatVersion())
                    .endObject().field("tagline", "You Know, for Search").endObject();
                channel.sendResponse(new RestResponse(RestStatus.OK, x));
            };
        }
    }

    private final class DeleteDataStream extends BaseRestHandler {
        private final Settings settings;
        private final IndexNameExpressionResolver resolver;

        DeleteDataStream(Settings settings, IndexNameExpressionResolver resolver) {
            this.settings = settings;
            this.resolver = resolver;
        }

        @Override
        public String getName() { return "delete_data_stream"; }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.DELETE, "/_data_stream/{name}"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            String[] names = request.param("name").split(",");
            return channel -> change("remove-data-stream", channel, state -> without(state, names));
        }

        private ClusterState without(ClusterState state, String[] names) {
            Set<DataStream> streams = Set.copyOf(streams(resolver, state, names));
            return MetadataDataStreamsService.deleteDataStreams(state.projectState(ProjectId.DEFAULT), streams, settings);
        }
    }

    private final class Lifecycle extends BaseRestHandler {
        private final IndexNameExpressionResolver resolver;

        Lifecycle(IndexNameExpressionResolver resolver) { this.resolver = resolver; }

        @Override
        public String getName() { return "data_stream_lifecycle"; }

        @Override
        public List<Route> routes() {
            String path = "/_data_stream/{name}/_lifecycle";
            return List.of(new Route(RestRequest.Method.GET, path), new Route(RestRequest.Method.PUT, path));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) throws IOException {
            String[] names = request.param("name").split(",");
            if (request.method() == RestRequest.Method.GET) {
                return channel -> show(names, channel);
            }
            DataStreamLifecycle wanted;
            try (XContentParser parser = request.contentParser()) {
                wanted = DataStreamLifecycle.dataLifecycleFromXContent(parser);
            }
            return channel -> change("set-lifecycle", channel, state -> with(state, names, wanted));
        }

        private void show(String[] names, RestChannel channel) throws IOException {
            XContentBuilder x = channel.newBuilder();
            x.startObject().startArray("data_streams");
            for (DataStream stream : streams(resolver, cluster.state(), names)) {
                x.startObject().field("name", stream.getName());
                if (stream.getDataLifecycle() != null) {
                    x.field("lifecycle");
                    stream.getDataLifecycle().toXContent(x, ToXContent.EMPTY_PARAMS);
                }
                x.endObject();
            }
            channel.sendResponse(new RestResponse(RestStatus.OK, x.endArray().endObject()));
        }

        private ClusterState with(ClusterState state, String[] names, DataStreamLifecycle wanted) {
            List<DataStream> streams = streams(resolver, state, names);
            return state.copyAndUpdateProject(ProjectId.DEFAULT, project -> streams.forEach(
                stream -> project.put(stream.copy().setLifecycle(wanted).build())));
        }
    }

    /** Refuses a name that is missing, not a pattern that fits nothing. */
    private static List<DataStream> streams(IndexNameExpressionResolver resolver, ClusterState state, String[] names) {
        ProjectMetadata project = state.metadata().getProject(ProjectId.DEFAULT);
        return resolver.dataStreamNames(project, IndicesOptions.fromOptions(false, true, true, true), names)
            .stream().map(project.dataStreams()::get).toList();
    }

    /** Changes the state of the cluster, and answers once it is changed. */
    private void change(String what, RestChannel channel, UnaryOperator<ClusterState> how) {
        RestToXContentListener<AcknowledgedResponse> listener = new RestToXContentListener<>(channel);
        cluster.submitUnbatchedStateUpdateTask(what, new ClusterStateUpdateTask(Priority.HIGH) {
            @Override
            public ClusterState execute(ClusterState state) { return how.apply(state); }

            @Override
            public void clusterStateProcessed(ClusterState before, ClusterState after) {
                listener.onResponse(AcknowledgedResponse.TRUE);
            }

            @Override
            public void onFailure(Exception failure) { listener.onFailure(failure); }
        });
    }
}
