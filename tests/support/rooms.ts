/**
 * What the prefixes of file names mean: `tests/architecture_test.ts` enforces it, and
 * `deno task docs` writes it into CONTRIBUTING.
 *
 * @module
 */

/**
 * The rooms of each folder, lowest first. A file of the ground floor is listed by its name; in the
 * other rooms the first word of a file's name is the room. A new room is a line here.
 */
export const ROOMS: Readonly<Record<string, readonly (readonly [room: string, words: string])[]>> =
  {
    backends: [
      [
        "ground",
        "buffers clock cpu_usage defined error_message event_sink exchange join_bytes latin1 limits local_address mt19937 node_module process_tree " +
        "protocol random record relaunch system_library ticker ticker_worker transport wake_up watchdog worker",
      ],
      ["wire machinery", "json http1 h2 hpack grpc protobuf kserve socket epoll inprocess node"],
      ["framing", "framing"],
      ["decode", "decode"],
      ["protocol", "protocol protocols"],
      ["transport", "transport transports"],
      ["telemetry", "telemetry"],
      ["transformers", "transformers"],
      ["sim", "sim"],
      ["launch", "launch"],
    ],
    metrics: [
      [
        "ground",
        "count run run_client run_calibration run_gpu run_dataset run_replay run_find run_fleet run_server load_state state_read state_numbers state_columns metric limit load_summary load_limits load_figures load_groups load_sessions load_series load_bracket load_interval load_speed load_steady load_slices load_heat load_quantiles load_stalls load_repeats load_requests load_client load_fleet load_server record_bounds record_streaming record_ticks format fold merged_clients check visible_text markup",
      ],
      ["stat", "stat"],
      ["server", "server"],
      ["metric", "metric metrics"],
      ["figure", "figure"],
      ["check", "check"],
      ["capacity", "capacity"],
      ["summary", "summary"],
      ["compare", "compare"],
      ["frontier", "frontier"],
      ["script", "script"],
      ["dialect", "dialect dialects"],
      ["chart", "chart"],
      ["html", "html"],
      ["report", "report reports"],
    ],
    workloads: [
      [
        "ground",
        "user_error text_file secret secret_forms secret_names json_shape command prompt agent_share load order due_queue version effective_cores environment interrupt shell_split line_stream",
      ],
      ["option", "option"],
      ["tokenizer", "tokenizer"],
      ["dataset", "dataset"],
      ["trace", "trace traces"],
      ["session", "session"],
      ["datasets", "datasets"],
      ["record", "record"],
      ["gpu", "gpu"],
      ["scrape", "scrape"],
      ["load", "load"],
      ["calibration", "calibration"],
      ["live", "live"],
      ["bench", "bench"],
      ["server", "server"],
      ["witness", "witness"],
      ["run", "run"],
      ["otel", "otel"],
      ["results", "results"],
      ["compare", "compare"],
      ["find", "find"],
      ["fleet", "fleet"],
      ["script", "script"],
      ["sweep", "sweep"],
      ["command", "command commands workers"],
    ],
  };
