import "@xyflow/react/dist/base.css";
import "../../../styles/graph.css";
import { BaseEdge, type Edge, type EdgeProps, MarkerType, ReactFlow, ReactFlowProvider, useReactFlow } from "@xyflow/react";
import { useEffect, useMemo, useState } from "react";
import type { RunGraph } from "../../../api/types";
import { count } from "../../../lib/format";
import { useWide } from "../../../lib/wide";
import { Icon } from "../../../parts/icon";
import { Damaged, Empty, Loading } from "../../../parts/states";
import type { Standing } from "../moment";
import { fold, isGroup, unfolded } from "./fold";
import { HEIGHT, keyOf, type Layout, layOut, pathThrough, type Point, WIDTH } from "./layout";
import { type CardNode, NodeCard, summaryOf } from "./node_card";

const FOLD_FROM = 25;
const MOST_UNFOLDED = 400;
type RoutedEdge = Edge<{ points: Point[] }, "routed">;
const nodeTypes = { card: NodeCard };
const edgeTypes = { routed: Routed };

interface GraphProps {
  graph: Pick<RunGraph, "nodes" | "edges" | "damage">;
  standing: ReadonlyMap<string, Standing>;
  chosen: string | null;
  choose: (node: string) => void;
  chooseGroup: (id: string) => void;
}

export default function GraphPane(props: GraphProps) {
  return (
    <ReactFlowProvider>
      <Drawn {...props} />
    </ReactFlowProvider>
  );
}

function Drawn({ graph, standing, chosen, choose, chooseGroup }: GraphProps) {
  const canUnfold = graph.nodes.length <= MOST_UNFOLDED;
  const [isFolded, setFolded] = useState(graph.nodes.length >= FOLD_FROM);
  const isDown = !useWide("48rem");
  const shape = JSON.stringify([graph.nodes.map((node) => [node.id, node.agent]), graph.edges]);
  const view = useMemo(() => (isFolded ? fold(graph) : unfolded(graph)), [shape, isFolded]);
  const [layout, setLayout] = useState<{ view: unknown; layout: Layout } | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => {
    let isGone = false;
    layOut(view, isDown ? "DOWN" : "RIGHT").then(
      (found) => !isGone && setLayout({ view, layout: found }),
      (error: unknown) => !isGone && setFault(String(error)),
    );
    return () => {
      isGone = true;
    };
  }, [view, isDown]);
  const flow = useReactFlow();
  const places = layout?.view === view ? layout.layout : null;
  // The parts with what they say now: nodes of the graph itself may be newer than those that were laid out.
  const latest = useMemo(() => new Map(graph.nodes.map((node) => [node.id, node])), [graph]);
  const nodes = useMemo<CardNode[]>(() => {
    if (places === null) return [];
    return view.parts.map((shown) => {
      const part = isGroup(shown) ? shown : (latest.get(shown.id) ?? shown);
      const isChosen = chosen === part.id || (isGroup(part) && part.nodes.some((node) => node.id === chosen));
      return {
        id: part.id,
        type: "card",
        position: places.places.get(part.id) ?? { x: 0, y: 0 },
        width: WIDTH,
        height: HEIGHT,
        data: { part, ...summaryOf(part, standing), isChosen, isDown, choose: () => (isGroup(part) ? chooseGroup(part.id) : choose(part.id)) },
      };
    });
  }, [places, view, latest, standing, chosen, isDown, choose, chooseGroup]);
  const edges = useMemo<RoutedEdge[]>(() => {
    if (places === null) return [];
    return view.edges.map((edge) => {
      const isNear = chosen !== null && (edge.before === chosen || edge.after === chosen);
      const kind = edge.kinds.includes("data") ? "data" : (edge.kinds[0] ?? "order");
      return {
        id: keyOf(edge.before, edge.after),
        type: "routed",
        source: edge.before,
        target: edge.after,
        className: `${kind} ${isNear ? "near" : ""}`,
        data: { points: places.routes.get(keyOf(edge.before, edge.after)) ?? [] },
        markerEnd: { type: MarkerType.ArrowClosed, width: 14, height: 14, color: isNear ? "var(--accent)" : "var(--strong-line)" },
        focusable: false,
      };
    });
  }, [places, view, chosen]);
  useEffect(() => {
    if (places !== null) requestAnimationFrame(() => void flow.fitView({ padding: 0.08, maxZoom: 1, minZoom: 0.3 }));
  }, [places, flow]);
  if (fault !== null) return <Empty title="The graph cannot be drawn">{fault}</Empty>;
  if (graph.nodes.length === 0) return <Empty title="This run has no nodes" />;
  return (
    <div className="graph-box">
      {places === null ? (
        <Loading what="Laying out the graph" />
      ) : (
        <ReactFlow
          nodes={nodes}
          edges={edges}
          nodeTypes={nodeTypes}
          edgeTypes={edgeTypes}
          nodesDraggable={false}
          nodesConnectable={false}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          onlyRenderVisibleElements={view.parts.length > 150}
          minZoom={0.05}
          maxZoom={1.75}
          fitView
          fitViewOptions={{ padding: 0.08, maxZoom: 1, minZoom: 0.3 }}
          disableKeyboardA11y
          ariaLabelConfig={{ "controls.ariaLabel": "Graph" }}
        />
      )}
      <div className="graph-tools">
        <button type="button" className="icon-button" aria-label="Show the whole graph" title="Show the whole graph" onClick={() => void flow.fitView({ padding: 0.08, maxZoom: 1 })}>
          <Icon name="fit" />
        </button>
        <button type="button" className="icon-button" aria-label="Larger" title="Larger" onClick={() => void flow.zoomIn()}>
          <Icon name="plus" />
        </button>
        <button type="button" className="icon-button" aria-label="Smaller" title="Smaller" onClick={() => void flow.zoomOut()}>
          <Icon name="minus" />
        </button>
        {graph.nodes.length >= 4 && (
          <label className="graph-fold" title={canUnfold ? undefined : `${count(graph.nodes.length)} nodes are too many to draw each`}>
            <input type="checkbox" checked={isFolded} disabled={!canUnfold} onChange={(event) => setFolded(event.target.checked)} />
            alike as one
          </label>
        )}
      </div>
      {graph.damage.length > 0 && <Damaged damage={graph.damage} />}
    </div>
  );
}

function Routed({ data, markerEnd }: EdgeProps<RoutedEdge>) {
  return <BaseEdge path={pathThrough(data?.points ?? [])} markerEnd={markerEnd} />;
}
