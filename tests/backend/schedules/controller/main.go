// Runs the CronJob controller's own functions on cases from the standard input.
//
// Reads lines of JSON: [schedule, zone, anchor, now, deadline], the times in Unix seconds and the deadline in
// seconds or null. Writes each with what the controller makes of it: [..., time or null, missed (0 none, 1 a
// few, 2 many), error, requeue]. See make_cases.py for how it is built.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"time"
	_ "unsafe"

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	_ "k8s.io/kubernetes/pkg/controller/cronjob"
)

//go:linkname mostRecent k8s.io/kubernetes/pkg/controller/cronjob.mostRecentScheduleTime
func mostRecent(cj *batchv1.CronJob, now time.Time, schedule cron.Schedule, deadline bool) (time.Time, *time.Time, int, error)

//go:linkname requeueAfter k8s.io/kubernetes/pkg/controller/cronjob.nextScheduleTimeDuration
func requeueAfter(cj *batchv1.CronJob, now time.Time, schedule cron.Schedule) *time.Duration

func main() {
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for in.Scan() {
		var text, zone string
		var anchor, now int64
		var deadline *int64
		if err := json.Unmarshal(in.Bytes(), &[]any{&text, &zone, &anchor, &now, &deadline}); err != nil {
			panic(err)
		}
		schedule, err := cron.ParseStandard("TZ=" + zone + " " + text)
		if err != nil {
			panic(err)
		}
		job := batchv1.CronJob{}
		job.CreationTimestamp = metav1.NewTime(time.Unix(anchor, 0))
		job.Spec.StartingDeadlineSeconds = deadline
		at := time.Unix(now, 100_000_000)
		_, recent, missed, failed := mostRecent(&job, at, schedule, true)
		var when *int64
		if recent != nil {
			seconds := recent.Unix()
			when = &seconds
		}
		requeue := at.Add(*requeueAfter(&job, at, schedule)).Unix()
		out.Encode([]any{text, zone, anchor, now, deadline, when, missed, failed != nil, requeue})
	}
}
