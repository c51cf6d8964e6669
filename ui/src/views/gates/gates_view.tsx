import { useCallback, useEffect, useState } from "react";
import { useEvents } from "../../api/events";
import type { Question } from "../../api/types";
import { useGet, useThrottled } from "../../api/use";
import { plural } from "../../lib/format";
import { Empty, Fault, Loading } from "../../parts/states";
import { QuestionForm } from "./question_form";

/** Everything that people are asked at the moment, in all runs. */
export default function GatesView() {
  const open = useGet<{ questions: Question[] }>("/api/questions");
  const [answered, setAnswered] = useState<readonly Question[]>([]);
  const reload = useThrottled(open.reload, 400);
  useEvents(null, true, useCallback(({ kind }) => {
    if (kind !== "token") reload();
  }, [reload]));
  useEffect(() => {
    document.title = "Gates · Binex";
  }, []);
  const questions = open.data?.questions ?? [];
  const gone = answered.filter((one) => !questions.some((question) => question.id === one.id));
  const shown = [...gone, ...questions];
  return (
    <div className="page narrow-page">
      <div className="page-head">
        <h1>Gates</h1>
        {questions.length > 0 && <span className="faint">{plural(questions.length, "question")} open</span>}
      </div>
      {open.error !== null && <Fault error={open.error} retry={open.reload} />}
      {open.isLoading && <Loading what="Looking for questions" />}
      {open.data !== null && shown.length === 0 && (
        <Empty title="Nobody is asked anything">Runs that wait for a person, and breakpoints, show up here by themselves.</Empty>
      )}
      {shown.map((question) => (
        <QuestionForm
          key={question.id}
          question={question}
          isAway
          onAnswered={() => {
            setAnswered((before) => [...before, question]);
            open.reload();
          }}
        />
      ))}
    </div>
  );
}
