//! Lines for people: as tracing writes them, with the request they belong to at the end.
use ceven_actors::request::Request;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    Layer,
    fmt::{
        self, FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{Format, Full, Writer},
    },
    registry::LookupSpan,
};

struct Lines(Format<Full>);

/// Writes events as lines, in colours where they are seen.
pub(super) fn layer<S, W>(out: W, in_colours: bool) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = Lines(fmt::format().with_ansi(in_colours));
    fmt::layer().with_ansi(in_colours).event_format(lines).with_writer(out)
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let Some(Request { id, route }) = Request::current() else {
            return self.0.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        writeln!(writer, "{} request_id={id} route={route}", line.trim_end()) // (1) of `super`
    }
}
