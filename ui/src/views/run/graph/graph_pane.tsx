import "@xyflow/react/dist/base.css";
import "../../../styles/graph.css";
import { BaseEdge, type Edge, type EdgeProps, MarkerType, ReactFlow, ReactFlowProvider, useReactFlow } from "@xyflow/react";
import { useEffect, useMemo, useRef, useState } from "react";
import type { GroupedGraph } from "../../../api/types";
import { count } from "../../../lib/format";
import { useWide } from "../../../lib/wide";
import { Icon } from "../../../parts/icon";
import { Damaged, Empty, Loading } from "../../../parts/states";
import type { Standing } from "../moment";
import { canConnect, type GraphEdit } from "./editing";
import { folded, isGroup, unfolded } from "./fold";
import { layOut, pathThrough } from "./layout";
import { type CardNode, NodeCard, summaryOf } from "./node_card";
import { HEIGHT, keyOf, type Layout, type Point, WIDTH } from "./places";
import { useRoving } from "./roving";

const FOLD_FROM = 25;
const MOST_UNFOLDED = 400;
/** Of more than so many only those in view are there. */
const MOST_DRAWN = 150;
type RoutedEdge = Edge<{ points: Point[] }, "routed">;
const nodeTypes = { card: NodeCard };
const edgeTypes = { routed: Routed };

interface GraphProps {
  graph: Pick<GroupedGraph, "nodes" | "edges" | "groups" | "damage">;
  standing: ReadonlyMap<string, Standing>;
  chosen: string | null;
  choose: (node: string) => void;
  chooseGroup: (id: string) => void;
  /** Where the graph can be changed. */
  edit?: GraphEdit;
  /** Whether it has little room beside something else, and so runs downwards as on a phone. */
  isNarrow?: boolean;
}

export default function GraphPane(props: GraphProps) {
  return (
    <ReactFlowProvider>
      <Drawn {...props} />
    </ReactFlowProvider>
  );
}

function Drawn({ graph, standing, chosen, choose, chooseGroup, edit, isNarrow = false }: GraphProps) {
  const canUnfold = graph.nodes.length <= MOST_UNFOLDED;
  const [isFolded, setFolded] = useState(graph.nodes.length >= FOLD_FROM);
  const isWide = useWide("48rem");
  const isDown = isNarrow || !isWide;
  const shape = useMemo(() => JSON.stringify([graph.nodes.map((node) => [node.id, node.agent]), graph.edges]), [graph]);
  const view = useMemo(() => (isFolded ? folded(graph) : unfolded(graph)), [shape, isFolded]);
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
  const box = useRef<HTMLDivElement>(null);
  const chosenPart = view.parts.find((part) => chosen !== null && (part.id === chosen || (isGroup(part) && part.nodes.some((node) => node.id === chosen))))?.id ?? null;
  const roving = useRoving(box, places?.places ?? null, chosenPart, (place) => {
    const { x, y, zoom } = flow.getViewport();
    const [left, top, width, height] = [place.x * zoom + x, place.y * zoom + y, WIDTH * zoom, HEIGHT * zoom];
    const frame = box.current?.getBoundingClientRect();
    const isSeen = frame !== undefined && left >= 0 && top >= 0 && left + width <= frame.width && top + height <= frame.height;
    if (!isSeen) void flow.setCenter(place.x + WIDTH / 2, place.y + HEIGHT / 2, { zoom: Math.max(zoom, 0.5) });
  });
  // The parts with what they say now: nodes of the graph itself may be newer than those that were laid out.
  const latest = useMemo(() => new Map(graph.nodes.map((node) => [node.id, node])), [graph]);
  // Whoever shows the graph makes these anew several times a second, and that changes no card.
  const act = useRef({ choose, chooseGroup, setAt: roving.setAt });
  act.current = { choose, chooseGroup, setAt: roving.setAt };
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
        data: { part, ...summaryOf(part, standing), isChosen, isDown, isEditable: edit !== undefined && !isGroup(part), isCurrent: roving.current === part.id, choose: () => { act.current.setAt(part.id); (isGroup(part) ? act.current.chooseGroup : act.current.choose)(part.id); } },
      };
    });
  }, [places, view, latest, standing, chosen, roving.current, isDown, edit === undefined]);
  const edges = useMemo<RoutedEdge[]>(() => {
    if (places === null) return [];
    return view.edges.map((edge) => {
      const marked = edit?.chosenEdge ?? null;
      const isMarked = marked !== null && edge.before === marked.before && edge.after === marked.after;
      const isNear = isMarked || (chosen !== null && (edge.before === chosen || edge.after === chosen));
      const kind = edge.kinds.includes("data") ? "data" : (edge.kinds[0] ?? "order");
      return {
        id: keyOf(edge.before, edge.after),
        type: "routed",
        source: edge.before,
        target: edge.after,
        className: `${kind} ${isNear ? "near" : ""} ${isMarked ? "marked" : ""}`,
        data: { points: places.routes.get(keyOf(edge.before, edge.after)) ?? [] },
        markerEnd: { type: MarkerType.ArrowClosed, width: 14, height: 14, color: isNear ? "var(--accent)" : "var(--strong-line)" },
        focusable: false,
      };
    });
  }, [places, view, chosen, edit?.chosenEdge]);
  useEffect(() => {
    if (places !== null) requestAnimationFrame(() => void flow.fitView({ padding: 0.08, maxZoom: 1, minZoom: 0.3 }));
  }, [places, flow]);
  const isEditable = edit !== undefined;
  useEffect(() => {
    // Beside a text that is being written the graph gets more room and less, and is to be seen whole all the same.
    if (places === null || !isEditable || box.current === null) return;
    const observer = new ResizeObserver(() => void flow.fitView({ padding: 0.08, maxZoom: 1, minZoom: 0.3 }));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [places, flow, isEditable]);
  if (fault !== null) return <Empty title="The graph cannot be drawn">{fault}</Empty>;
  if (graph.nodes.length === 0) return <Empty title="This run has no nodes" />;
  return (
    <div
      className={`graph-box ${edit === undefined ? "" : "editable"}`}
      ref={box}
      onKeyDown={roving.onKeyDown}
      role="group"
      aria-label={`Graph of ${count(graph.nodes.length)} nodes; the arrow keys move between them`}
    >
      {places === null ? (
        <Loading what="Laying out the graph" />
      ) : (
        <ReactFlow
          nodes={nodes}
          edges={edges}
          nodeTypes={nodeTypes}
          edgeTypes={edgeTypes}
          nodesDraggable={false}
          nodesConnectable={edit !== undefined}
          connectionRadius={32}
          isValidConnection={({ source, target }) => canConnect(graph.edges, source, target)}
          onConnect={({ source, target }) => edit?.connect(source, target)}
          onEdgeClick={(_, edge) => edit?.chooseEdge(edge.source, edge.target)}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          onlyRenderVisibleElements={view.parts.length > MOST_DRAWN}
          minZoom={0.05}
          maxZoom={1.75}
          fitView
          fitViewOptions={{ padding: 0.08, maxZoom: 1, minZoom: 0.3 }}
          disableKeyboardA11y
          ariaLabelConfig={{ "controls.ariaLabel": "Graph" }}
        />
      )}
      {view.parts.length > MOST_DRAWN && (
        <button type="button" className="graph-keys" onClick={() => void flow.fitView({ padding: 0.08, maxZoom: 1 })}>
          Arrow keys move through the graph; this shows all of it
        </button>
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
          <label className="graph-fold" title={canUnfold ? "Nodes with the same agent, after and before the same nodes, are drawn as one" : `${count(graph.nodes.length)} nodes are too many to draw each`}>
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
