// Images from archives in S3: their tasks, who may, and when the files go.
#include "ports/tar_maker.h"
#include "services/ec2/ec2_fixture.h"

namespace hearth::ec2 {
namespace {

class Images : public Ec2Fixture {
 protected:
  Images() { objects_.bodies["uploads/root.tar"] = tiny_root(); }

  static types::ImportImageRequest import_input(const std::string& key = "root.tar") {
    types::ImportImageRequest in;
    auto& disk = in.disk_containers.emplace().emplace_back();
    auto& bucket = disk.user_bucket.emplace();
    bucket.s3_bucket = "uploads";
    bucket.s3_key = key;
    return in;
  }
  Result<types::ImportImageResult> import(const types::ImportImageRequest& in) {
    return run(&Ec2Service::import_image, in);
  }
  // The id of a task that was just begun.
  std::string begin_import(const types::ImportImageRequest& in = import_input()) {
    const auto begun = import(in);
    EXPECT_TRUE(begun) << begun.error().message();
    return begun ? *begun->import_task_id : "";
  }
  void work() {
    const auto done = ec2_->import_images_once();
    ASSERT_TRUE(done) << done.error().message();
  }
  types::ImportImageTask task(const std::string& id) {
    types::DescribeImportImageTasksRequest in;
    in.import_task_ids = std::vector{id};
    const auto described = run(&Ec2Service::describe_import_image_tasks, in);
    EXPECT_TRUE(described) << described.error().message();
    return described ? described->import_image_tasks->front() : types::ImportImageTask{};
  }
  // The id of an image that is there.
  std::string import_one() {
    const std::string id = begin_import();
    work();
    return task(id).image_id.value_or("");
  }
  Result<types::DescribeImagesResult> describe_images(const std::string& id) {
    types::DescribeImagesRequest in;
    in.image_ids = std::vector{id};
    return run(&Ec2Service::describe_images, in);
  }
  Result<types::DeregisterImageResult> deregister(const std::string& id) {
    types::DeregisterImageRequest in;
    in.image_id = id;
    return run(&Ec2Service::deregister_image, in);
  }
  std::vector<std::string> stored() { return sync_wait(images_.list()).value(); }
  static types::RunInstancesRequest launch_of(const std::string& image) {
    auto in = launch_input();
    in.image_id = image;
    return in;
  }
};

TEST_F(Images, AnImportedArchiveIsAnImageThatMachinesBootFrom) {
  images_.set_environment({{"PATH", "/opt/bin:/bin"}, {"AWS_REGION", "of the image"}});
  auto in = import_input();
  in.description = "tiny";
  in.tag_specifications = std::vector{tags_of("import-image-task", {{"team", "a"}})};
  const std::string id = begin_import(in);
  EXPECT_EQ(*task(id).status, "active");
  EXPECT_FALSE(task(id).image_id) << "there is no image yet";
  work();
  const auto done = task(id);
  EXPECT_EQ(*done.status, "completed");
  EXPECT_EQ(*done.description, "tiny");
  EXPECT_EQ(*done.tags->front().value, "a");
  EXPECT_EQ(*done.snapshot_details->front().user_bucket->s3_key, "root.tar");

  const auto described = describe_images(*done.image_id);
  ASSERT_TRUE(described) << described.error().message();
  const auto& image = described->images->front();
  EXPECT_EQ(*image.state, "available");
  EXPECT_EQ(*image.name, id);
  EXPECT_FALSE(*image.public_);

  const std::string machine = launch_one(launch_of(*done.image_id));
  const auto spec = runtime_.spec(machine);
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->image_path, "/images/" + *done.image_id);
  EXPECT_EQ(spec->environment.at("PATH"), "/opt/bin:/bin");
  EXPECT_EQ(spec->environment.at("AWS_REGION"), "us-east-1") << "what the platform says wins";
}

TEST_F(Images, TheCallerMustBeAllowedToReadTheObject) {
  authorizer_.denied_actions.insert("s3:GetObject");
  EXPECT_AWS_ERROR(import(import_input()), 403, "UnauthorizedOperation");
  types::RegisterImageRequest in;
  in.name = "mine";
  in.image_location = "uploads/root.tar";
  EXPECT_AWS_ERROR(run(&Ec2Service::register_image, in), 403, "UnauthorizedOperation");
}

TEST_F(Images, WhatCannotBeImportedIsSaidAtOnce) {
  EXPECT_AWS_ERROR(import(import_input("nobody.tar")), 400, "InvalidParameterValue");
  EXPECT_AWS_ERROR(import({}), 400, "InvalidParameterValue");
  auto disk_image = import_input();
  disk_image.disk_containers->front().format = "VMDK";
  EXPECT_AWS_ERROR(import(disk_image), 400, "Unsupported");
  auto arm = import_input();
  arm.architecture = "arm64";
  EXPECT_AWS_ERROR(import(arm), 400, "Unsupported");
  auto url = import_input();
  url.disk_containers->front().user_bucket.reset();
  url.disk_containers->front().url = "https://example.com/root.tar";
  EXPECT_AWS_ERROR(import(url), 400, "InvalidParameterValue");
  url.disk_containers->front().url = "s3://uploads/root.tar";
  EXPECT_TRUE(import(url));
}

TEST_F(Images, AnArchiveThatIsNoneEndsItsTaskWithAReason) {
  objects_.bodies["uploads/root.tar"] = std::string(2000, 'x');
  const std::string id = begin_import();
  work();
  EXPECT_EQ(*task(id).status, "deleted");
  EXPECT_EQ(*task(id).status_message, "ClientError: this is no tar archive");
  EXPECT_FALSE(task(id).image_id);
}

TEST_F(Images, AnObjectThatIsReplacedMeanwhileIsNotImported) {
  const std::string id = begin_import();
  objects_.bodies["uploads/root.tar"] = TarMaker().add("bin/sh", "another", 0755).bytes();
  work();
  EXPECT_EQ(*task(id).status, "deleted");
  EXPECT_TRUE(stored().empty());
}

TEST_F(Images, AClientTokenMakesOneTask) {
  auto in = import_input();
  in.client_token = "once";
  const std::string id = begin_import(in);
  EXPECT_EQ(begin_import(in), id);
  in.description = "other";
  EXPECT_AWS_ERROR(import(in), 400, "IdempotentParameterMismatch");
}

TEST_F(Images, ATaskIsCancelledBeforeAndWhileItRuns) {
  const auto cancel = [&](const std::string& id) {
    types::CancelImportTaskRequest in;
    in.import_task_id = id;
    in.cancel_reason = "a mistake";
    return run(&Ec2Service::cancel_import_task, in);
  };
  const std::string waiting = begin_import();
  const auto cancelled = cancel(waiting);
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(*cancelled->previous_state, "active");
  EXPECT_EQ(*cancelled->state, "deleting");
  work();
  EXPECT_EQ(*task(waiting).status, "deleted");
  EXPECT_EQ(*task(waiting).status_message, "a mistake");
  EXPECT_AWS_ERROR(cancel(waiting), 400, "IncorrectState");

  const std::string running = begin_import();
  images_.during_imports([&] { EXPECT_TRUE(cancel(running)); });
  work();
  EXPECT_EQ(*task(running).status, "deleted");
  EXPECT_TRUE(stored().empty());
  EXPECT_AWS_ERROR(cancel("import-ami-0123456789abcdef0"), 400, "InvalidConversionTaskId.Malformed");
}

TEST_F(Images, AServerThatStopsBeginsTheImportAgain) {
  const std::string id = begin_import();
  images_.during_imports([&] { ec2_->stop(); });
  work();
  EXPECT_EQ(*task(id).status, "active");
  images_.during_imports({});
  restart();
  work();
  EXPECT_EQ(*task(id).status, "completed");
}

TEST_F(Images, ARegisteredImageIsPendingUntilItIsUnpacked) {
  types::RegisterImageRequest in;
  in.name = "tiny root";
  in.image_location = "uploads/root.tar";
  in.tag_specifications = std::vector{tags_of("image", {{"team", "a"}})};
  const auto registered = run(&Ec2Service::register_image, in);
  ASSERT_TRUE(registered) << registered.error().message();
  const std::string id = *registered->image_id;
  EXPECT_EQ(*describe_images(id)->images->front().state, "pending");
  EXPECT_AWS_ERROR(launch(launch_of(id)), 400, "InvalidAMIID.Unavailable");
  work();
  const auto image = describe_images(id)->images->front();
  EXPECT_EQ(*image.state, "available");
  EXPECT_EQ(*image.name, "tiny root");
  EXPECT_EQ(*image.tags->front().value, "a");
  EXPECT_AWS_ERROR(run(&Ec2Service::register_image, in), 400, "InvalidAMIName.Duplicate");
  EXPECT_TRUE(run(&Ec2Service::describe_import_image_tasks, types::DescribeImportImageTasksRequest())
                  ->import_image_tasks->empty());
}

TEST_F(Images, ARegistrationThatFailsLeavesAFailedImage) {
  objects_.bodies["uploads/root.tar"] = std::string(2000, 'x');
  types::RegisterImageRequest in;
  in.name = "broken";
  in.image_location = "uploads/root.tar";
  const std::string id = *run(&Ec2Service::register_image, in)->image_id;
  work();
  const auto image = describe_images(id)->images->front();
  EXPECT_EQ(*image.state, "failed");
  EXPECT_EQ(*image.state_reason->message, "ClientError: this is no tar archive");
  EXPECT_TRUE(deregister(id));
}

TEST_F(Images, ADeregisteredImageStaysForItsInstancesAndGoesWithTheLast) {
  const std::string image = import_one();
  const std::string machine = launch_one(launch_of(image));
  ASSERT_TRUE(deregister(image));
  EXPECT_AWS_ERROR(describe_images(image), 400, "InvalidAMIID.NotFound");
  EXPECT_AWS_ERROR(launch(launch_of(image)), 400, "InvalidAMIID.NotFound");
  work();
  EXPECT_EQ(stored(), std::vector{image}) << "a machine stands on it";
  ASSERT_TRUE(stop(machine));
  settle();
  ASSERT_TRUE(start(machine));
  settle();
  EXPECT_EQ(state(machine), "running");
  ASSERT_TRUE(terminate(machine));
  settle();
  work();
  EXPECT_TRUE(stored().empty());
}

TEST_F(Images, TheHostImageStaysAndOthersImagesAreNotSeen) {
  EXPECT_AWS_ERROR(deregister(host_image_id()), 403, "UnauthorizedOperation");
  EXPECT_AWS_ERROR(deregister("ami-00000000000000000"), 400, "InvalidAMIID.NotFound");
  EXPECT_AWS_ERROR(deregister("nonsense"), 400, "InvalidAMIID.Malformed");
  const std::string image = import_one();
  ctx_.account_id = "999999999999";
  EXPECT_AWS_ERROR(describe_images(image), 400, "InvalidAMIID.NotFound");
  EXPECT_AWS_ERROR(launch(launch_of(image)), 400, "InvalidAMIID.NotFound");
  EXPECT_AWS_ERROR(deregister(image), 400, "InvalidAMIID.NotFound");
}

TEST_F(Images, TagsAndFiltersFindThem) {
  const std::string image = import_one();
  types::CreateTagsRequest tag;
  tag.resources = {image};
  tag.tags = *tags_of("image", {{"stage", "prod"}}).tags;
  ASSERT_TRUE(run(&Ec2Service::create_tags, tag));
  types::DescribeImagesRequest in;
  in.filters = std::vector{filter("tag:stage", {"pr*"})};
  const auto found = run(&Ec2Service::describe_images, in);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->images->size(), 1U);
  EXPECT_EQ(*found->images->front().image_id, image);
  in.filters = std::vector{filter("is-public", {"true"})};
  EXPECT_EQ(*run(&Ec2Service::describe_images, in)->images->front().image_id, host_image_id());
}

TEST_F(Images, AWipeRemovesThem) {
  import_one();
  ASSERT_TRUE(sync_wait(store_.clear()));
  ASSERT_TRUE(sync_wait(ec2_->forget_all()));
  EXPECT_TRUE(stored().empty());
}

}  // namespace
}  // namespace hearth::ec2
